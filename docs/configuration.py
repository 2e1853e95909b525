"""Write docs/configuration.md: `.venv/bin/python docs/configuration.py`.

Every key of a use case, what it may be, its default, an example and what it means, from the classes
that read it and from use cases that run. A test compares the page with the code.
"""

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

WORKSPACE = Path(__file__).resolve().parents[1]
PAGE = WORKSPACE / "docs" / "configuration.md"
# Use cases that examples come from, the plainest first.
EXAMPLES = (
    "docs/examples/three_sources/case.yaml",
    "configs/claims/case.yaml",
    "configs/loan/case.yaml",
)
LONGEST_EXAMPLE = 60  # characters; what is longer, the use cases show
INTRODUCTION = """\
# Every key of a use case

Made by `docs/configuration.py` from the classes that read the file: what stands here is what is
checked. Each table has the keys of one mapping; a key without a default has to be there. Examples
are what a use case of this project has there, and no advice: of a limit least of all. What the
whole is for says [use-cases.md](use-cases.md); an example with CSV, Parquet and SQL is in
[examples/three_sources](examples/three_sources). `title` and `purpose` are texts; `extends` and
`limit_changes` are explained [there](use-cases.md#a-use-case-that-differs-a-little-from-another).

"""


def main() -> int:
    """Write the page."""
    PAGE.write_text(configuration_page(), encoding="utf-8")
    return 0


def configuration_page() -> str:
    """Return the page's text."""
    sys.path.insert(0, str(WORKSPACE))
    from flows.use_cases.checking import (
        OPTIONAL_SECTIONS,
        STATED_SECTIONS,
        class_at,
        section_classes,
    )
    from tasks.stages.ingest.params import KIND_MEANINGS

    parts = [INTRODUCTION, _kinds(KIND_MEANINGS), _roles()]
    sections = {**STATED_SECTIONS, **section_classes(), **OPTIONAL_SECTIONS}
    for key, place in sections.items():
        parts.append(f"## `{key}`\n\n")
        shown: set[type] = set()
        examples = [*_mappings_at(key)]
        for model in _models(class_at(place), shown):
            parts.append(_table(model, examples, is_first=model is class_at(place)))
    return "".join(parts).rstrip() + "\n"


def _mappings_at(section: str) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a section of the use cases that examples come from."""
    import yaml

    for path in EXAMPLES:
        value = yaml.safe_load((WORKSPACE / path).read_text(encoding="utf-8"))
        for key in section.split("."):
            value = value.get(key, {})
        yield from _mappings_in(value)


def _mappings_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield from _mappings_in(part)


def _example(model: Any, name: str, field: Any, mappings: Sequence[dict[str, Any]]) -> str:
    """Return an example of a field, as YAML on one line; empty where no use case has it.

    The first mapping that the model itself takes: `kind: sql` has no `path`.
    """
    if field.examples:
        return _yaml(field.examples[0])
    for mapping in mappings:
        value = mapping.get(name)
        keys = set(mapping)
        is_known = keys <= set(model.model_fields)
        if value is not None and is_known and _fits(model, mapping):
            return _yaml(value) if len(_yaml(value)) <= LONGEST_EXAMPLE else ""
    return ""


def _fits(model: Any, mapping: dict[str, Any]) -> bool:
    """Say whether a mapping is one of this model: its literals (`kind`, `rule`) have to agree."""
    return all(
        str(mapping[name]) in map(str, get_args(field.annotation))
        for name, field in model.model_fields.items()
        if name in ("kind", "rule") and get_origin(field.annotation) is Literal and name in mapping
    )


def _yaml(value: Any) -> str:
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, width=1000, allow_unicode=True)
    return f"`{text.removesuffix(chr(10)).removesuffix('...').strip()}`"


def _kinds(meanings: dict[str, str]) -> str:
    rows = "".join(f"| `{kind}` | {meaning} |\n" for kind, meaning in meanings.items())
    return f"## Kinds of columns\n\n| kind | what its values are |\n|---|---|\n{rows}\n"


def _roles() -> str:
    from tasks.config.cases import Role

    roles = ", ".join(f"`{role.value}`" for role in Role)
    return (
        f"Roles of columns are {roles}; [use-cases.md](use-cases.md#roles-of-columns) says what "
        "becomes of each.\n\n"
    )


def _models(annotation: Any, shown: set[type]) -> Iterator[type]:
    """Yield the models that an annotation is made of, each once, outer ones first."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in shown:
            return
        shown.add(annotation)
        if "root" not in annotation.model_fields:
            yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation, shown)
        return
    for inner in get_args(annotation):
        yield from _models(inner, shown)


def _table(model: Any, mappings: Sequence[dict[str, Any]], *, is_first: bool) -> str:
    head = "" if is_first else f"### {model.__name__}\n\n"
    text = "\n".join(line.strip() for line in (model.__doc__ or "").strip().splitlines())
    rows = "".join(
        f"| `{field.alias or name}` | {_cell(_type(field))} | {_default(field)} "
        f"| {_cell(_example(model, name, field, mappings))} | {_cell(field.description or '')} |\n"
        for name, field in model.model_fields.items()
        if get_args(field.annotation) not in ((True,), (False,))
    )
    titles = "| key | values | default | example | meaning |\n|---|---|---|---|---|\n"
    return f"{head}{text}\n\n{titles}{rows}\n"


def _type(field: Any) -> str:
    bounds = [_bound(item) for item in field.metadata]
    return ", ".join([_words(field.annotation), *filter(None, bounds)])


def _bound(item: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    told = [f"{sign} {getattr(item, key):g}" for key, sign in signs.items() if hasattr(item, key)]
    if getattr(item, "min_length", None):
        told.append(f"at least {item.min_length}")
    if getattr(item, "max_length", None):
        told.append(f"at most {item.max_length}")
    if pattern := getattr(item, "pattern", None):
        told.append(f"of the form `{pattern}`")
    return ", ".join(told)


def _words(annotation: Any) -> str:
    """Return an annotation as people read it."""
    plain = {
        str: "text", int: "whole number", float: "number", bool: "true or false",
        type(None): "nothing",
    }  # fmt: skip
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if origin is Annotated:
        told = ", ".join(filter(None, (_bound(item) for item in arguments[1:])))
        return f"{_words(arguments[0])}{f' ({told})' if told else ''}"
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_words(item) for item in arguments if item is not type(None))
    if origin is tuple:
        return f"list of {_words(arguments[0])}"
    if origin is dict:
        return f"{_words(arguments[0])} → {_words(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    return plain.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: Any) -> str:
    if field.is_required():
        return "—"
    default = field.default
    if default is None:
        return "none"
    if default in ((), {}, ""):
        return "empty"
    return f"`{default}`" if isinstance(default, str | int | float | bool) else "as below"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
