"""What pydantic finds wrong with a section, in this house's words: place, expected, found, remedy.

No input is quoted but a key that nobody knows: what somebody wrote in the wrong place may be a
password, and a misspelt key is what has to be read to be mended.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError

from tasks.config.collecting import nearest
from tasks.errors import ConfigError

MEND = "Mend the field; docs/configuration.md lists what each may be."
DECIDED = "a value that a person has decided on"
FILL_IN = (
    "Fill it in; no limit and no agreement has a default. "
    "docs/configuration.md says what each means."
)
MEANT = "Did you mean"
MOST_NAMED_FIELDS = 6
MOST_KNOWN_KEYS = 12  # more are not listed, but looked up

# Comparisons as pydantic names them in a fault's context, and how people write them.
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
LENGTHS = {
    "too_short": ("min_length", "at least {} of them"),
    "too_long": ("max_length", "at most {} of them"),
    "string_too_short": ("min_length", "a text of {} characters or more"),
    "string_too_long": ("max_length", "a text of at most {} characters"),
}
SIZES = {"short": "fewer", "_long": "more"}
TYPES = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping (`key: value`)",
    "model_type": "a mapping (`key: value`)",
    "model_attributes_type": "a mapping (`key: value`)",
    "tuple_type": "a list",
    "list_type": "a list",
    "date_from_datetime_parsing": 'a date in quotes, as "2031-12-31"',
    "date_parsing": 'a date in quotes, as "2031-12-31"',
    "date_type": 'a date in quotes, as "2031-12-31"',
}


def config_faults(
    model: type[BaseModel], error: ValidationError, where: str
) -> tuple[ConfigError, ...]:
    """Return a ConfigError for each field that is wrong, and one for all that are empty.

    What follows from another fault is left out: the key that a misspelt one was meant to be, what
    else an empty field is not, and how few of a list's entries are left without the wrong ones.
    """
    # `errors()` holds the input of each fault. It is compared with None below, and never shown.
    details = [
        (_place_of(model, detail["loc"]), detail) for detail in error.errors(include_url=False)
    ]
    missing = {place for place, detail in details if detail["type"] == "missing"}
    meant = {
        (*place[:-1], nearest(place[-1], [key[-1] for key in missing if key[:-1] == place[:-1]]))
        for place, detail in details
        if detail["type"] == "extra_forbidden"
    }
    empty = dict.fromkeys(
        place for place, detail in details if detail["input"] is None and place not in missing
    )
    # Every place that something below it is wrong with: a list that is too short because of its
    # wrong entries is no fault by itself.
    inner = {place[:depth] for place, _ in details for depth in range(len(place))}

    faults = [_empty_fault(where, list(empty))] if empty else []
    told: dict[tuple[str, ...], ConfigError] = {}
    for place, detail in details:
        is_misspelt = detail["type"] == "missing" and place in meant
        is_left_short = detail["type"] == "too_short" and place in inner
        if place in empty or is_misspelt or is_left_short:
            continue
        # Of what a value may be, pydantic tells each that it is not: the one that it is near to.
        fault = _fault(model, detail, where)
        if place not in told or fault.remedy.startswith(MEANT):
            told[place] = fault
    return (*faults, *told.values())


def _empty_fault(where: str, places: list[tuple[str, ...]]) -> ConfigError:
    fields = [".".join(place) or "the section" for place in places]
    return ConfigError(
        f"{where}: {fields[0]}", expected=DECIDED, found=nothing_in(fields), remedy=FILL_IN
    )


def nothing_in(fields: Sequence[str]) -> str:
    """Return that there is nothing in some fields, the first few by name."""
    named = ", ".join(fields[:MOST_NAMED_FIELDS])
    more = len(fields) - MOST_NAMED_FIELDS
    if len(fields) == 1:
        return "nothing there"
    return f"nothing there: {named}{f' and {more} more' if more > 0 else ''}"


def _place_of(model: type[BaseModel], parts: Iterable[object]) -> tuple[str, ...]:
    """Return a place as the file has it, key by key."""
    written, _ = _walk(model, parts)
    return tuple(map(str, written))


def _fault(model: type[BaseModel], detail: Mapping[str, Any], where: str) -> ConfigError:
    field = ".".join(_place_of(model, detail["loc"])) or "the section"
    place = f"{where}: {field}"
    kind = detail["type"]
    context: Mapping[str, Any] = detail.get("ctx", {})

    if kind == "extra_forbidden":
        return _unknown_key(model, detail, place)
    if kind == "missing":
        return ConfigError(
            place,
            expected=_described(model, detail["loc"]),
            found="no such field (Field required)",
            remedy="Add it; docs/configuration.md says what it means.",
        )
    if kind == "literal_error":
        return _other_value(detail, place, f"one of {context['expected']}")
    if kind == "enum":
        return _other_value(detail, place, f"one of {context['expected']}")
    # pydantic's context has the discriminator in quotes.
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        discriminator = str(context["discriminator"]).strip("'")
        known = context.get("expected_tags", "a kind that docs/configuration.md lists")
        return ConfigError(
            f"{place}.{discriminator}",
            expected=f"one of {known}",
            found="another one" if kind == "union_tag_invalid" else "none",
            remedy=MEND,
        )
    if bounds := [f"{sign} {context[name]}" for name, sign in BOUNDS.items() if name in context]:
        return ConfigError(
            place, expected=f"a number {bounds[0]}", found="another one", remedy=MEND
        )
    if kind in LENGTHS:
        key, words = LENGTHS[kind]
        return ConfigError(
            place, expected=words.format(context[key]), found=SIZES[kind[-5:]], remedy=MEND
        )
    if kind in TYPES:
        return ConfigError(
            place, expected=TYPES[kind], found=_type_of(detail["input"]), remedy=MEND
        )
    # The text of a validator of ours, or of one of pydantic's that has no words here.
    # pydantic puts these words before the text of a ValueError.
    message = detail["msg"].removeprefix("Value error, ")
    return ConfigError(place, expected="a value that fits", found=message, remedy=MEND)


def _unknown_key(model: type[BaseModel], detail: Mapping[str, Any], place: str) -> ConfigError:
    *parents, key = detail["loc"]
    keys = _keys_of(_model_at(model, parents))
    near = nearest(key, keys)

    return ConfigError(
        place,
        expected="a key that is known"
        if len(keys) > MOST_KNOWN_KEYS or not keys
        else _any_of(keys),
        found=f"`{key}`",
        remedy=f"{MEANT} `{near}`?" if near else MEND,
    )


def _other_value(detail: Mapping[str, Any], place: str, expected: str) -> ConfigError:
    """Return the fault of a value that is not listed; quoted only where it is near a listed one."""
    values = [word.strip("' ") for word in expected.removeprefix("one of ").split(",")]
    values = [part.strip("' ") for value in values for part in value.split(" or ")]
    value = detail["input"]
    near = nearest(value, tuple(values)) if isinstance(value, str) else ""

    return ConfigError(
        place,
        expected=expected,
        found=f"`{value}`" if near else "another value",
        remedy=f"{MEANT} `{near}`?" if near else MEND,
    )


def _walk(model: type[BaseModel], parts: Iterable[object]) -> tuple[list[object], Any]:
    """Return a place as the file has it, and the annotation of what stands there.

    Where a field may be one of several models, pydantic names the one that it tried: its tag, its
    class or `literal[…]`. No such word stands in the file.
    """
    written: list[object] = []
    current: Any = model
    for part in parts:
        members = _members(current)
        container = next((item for item in members if get_origin(item) in (dict, tuple)), None)
        owner = next((item for item in members if _has(item, part)), None)
        tried = [item for item in members if _is_named(item, part)]
        # A word of pydantic's, not of the file: it is left out of the place, and what it names is
        # walked on in.
        if len(members) > 1 and (tried or _is_own_word(part)):
            current = tried[0] if tried else current
            continue
        written.append(part)
        if owner is not None:
            current = owner.model_fields[_field_name(owner, part)].annotation
        elif container is not None:
            arguments = get_args(container)
            current = arguments[1] if get_origin(container) is dict else arguments[0]

    return written, current


def _members(annotation: Any) -> list[Any]:
    """Return what a value may be: of a union its members, of a root model its root."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])

    if get_origin(annotation) in (Union, UnionType):
        return [
            member
            for inner in get_args(annotation)
            if inner is not type(None)
            for member in _members(inner)
        ]

    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _members(annotation.model_fields["root"].annotation)
    return [annotation]


def _has(annotation: Any, part: object) -> bool:
    return _is_model(annotation) and _field_name(annotation, part) in annotation.model_fields


def _field_name(model: type[BaseModel], part: object) -> str:
    """Return the field that a key of the file names, itself or as its alias."""
    aliases = {field.alias: name for name, field in model.model_fields.items() if field.alias}
    return aliases.get(str(part), str(part))


def _is_named(annotation: Any, word: object) -> bool:
    """Say whether pydantic calls a member of a union so: by its class, or the tag that it has."""
    if not _is_model(annotation):
        return False
    tags = (get_args(field.annotation) for field in annotation.model_fields.values())
    return word == annotation.__name__ or any(values == (word,) for values in tags)


def _is_own_word(part: object) -> bool:
    return isinstance(part, str) and part.startswith(("literal[", "function-", "dict[", "tuple["))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _model_at(model: type[BaseModel], parts: Iterable[object]) -> type[BaseModel] | None:
    """Return the model that stands at a place below `model`; None where no model is there."""
    _, annotation = _walk(model, parts)
    return next((item for item in _members(annotation) if _is_model(item)), None)


def _keys_of(model: type[BaseModel] | None) -> tuple[str, ...]:
    if model is None:
        return ()
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _described(model: type[BaseModel], parts: tuple[int | str, ...]) -> str:
    """Return what a required field is for, as its model says it."""
    owner = _model_at(model, parts[:-1])
    field = owner.model_fields.get(str(parts[-1])) if owner else None
    return (field.description if field else None) or "a value for it"


def _any_of(keys: tuple[str, ...]) -> str:
    return f"one of {', '.join(keys)}"


def _type_of(value: object) -> str:
    """Return what YAML read there, by its type; never the value."""
    names = {
        bool: "true or false (unquoted `yes` and `no` are that, too)",
        int: "a whole number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a mapping",
        type(None): "nothing",
    }
    return names.get(type(value), "something else")
