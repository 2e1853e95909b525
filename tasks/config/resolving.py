"""What a use case comes to: its `case.yaml`, laid over that of the use case that it extends.

The result is written to `resolved.yaml` by `./portcullis sync`. DVC tracks that file, stages read
it, and its sections are digested and signed for. The rules, in the order in which they apply:

1. `extends: <other>` names one use case, which itself extends none.
2. A mapping is merged key by key, at any depth. Everything else, a list included, is replaced.
3. `null` removes what the extended use case says at that place. There has to be something.
4. `train.champion` is not inherited: another use case's accepted model is no yardstick.
5. Every limit that comes out changed, new or removed is listed in `limit_changes`, with a reason,
   and nothing else is.
6. A file is relative to the folder of the use case that names it, and lies inside that folder. It
   is reached through no link, is a regular file, and is replaced by its path and its digest.
7. A file that use cases share is relative to the checkout and lies in `configs/recognisers/`, which
   DVC tracks and statements digest as a whole. It is reached through no link, too.
8. `label` and `unit` of a column are moved under `words`: another word is no other column.

For example, let `configs/a/case.yaml` and `configs/b/case.yaml` hold

    train: {rounds: 100, cutoff: {rule: cost, false_decline: 1}}

    extends: a
    train: {rounds: 20, cutoff: {false_decline: null}}

Then `b` trains with `{rounds: 20, cutoff: {rule: cost}}`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from tasks.config.case_name import check_case_name
from tasks.config.case_paths import (
    FILE_FIELDS,
    NO_CHAMPION,
    SHARED_FILE_FIELDS,
    SHARED_FILES,
    case_path,
    refuse_links,
)
from tasks.config.collecting import FaultList
from tasks.errors import ConfigError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.formats.yaml_file import read_yaml

EXTENDS = "extends"
LIMITS = "limits"
WORDS = "words"
WORD_FIELDS = ("label", "unit")  # of a column, as people write them
LIMIT_CHANGES = "limit_changes"
CHAMPION = "train.champion"
LEAST_REASON_CHARACTERS = 10
LINE_COLUMNS = 100
FILE_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # a folder or file on the way to a file
NO_DIGEST = "0" * 64  # of a file that is wrong: never written
_ABSENT = object()  # differs from everything that YAML can hold, null included


def resolve_case(name: str, workspace: Path) -> dict[str, Any]:
    """Return the whole of a use case by the rules above, as plain values.

    Raises:
        ConfigError: A file is absent or wrong, or a rule is broken. What is wrong with several
            files of it is a `SeveralFaultsError`.
    """
    faults = FaultList()
    values = resolve_with_faults(name, workspace, faults)
    faults.raise_all()
    return values


def resolve_with_faults(name: str, workspace: Path, faults: FaultList) -> dict[str, Any]:
    """Return what `resolve_case` does; what is wrong with its files is added to `faults` instead.

    In the place of a file that is wrong stands one with a digest of zeros, so that what is wrong
    with the sections can be told at the same time.

    Raises:
        ConfigError: The use case cannot be read or laid over the other one.
    """
    own = _read_case(name, workspace)
    parent_name = own.get(EXTENDS)
    if EXTENDS not in own:
        _refuse_idle_changes(name, own)
        values = own
    else:
        parent = _read_parent(name, parent_name, workspace)
        # Rule 4. A child that forgets its own is refused where the section is validated.
        inherited = _without(parent, CHAMPION)
        values = merge_case(inherited, own, case_path(name).as_posix())
        with faults.kept():
            _check_limit_changes(name, parent, values)

    for field in FILE_FIELDS:
        # Whose folder a relative path is from: that of the use case that wrote it, not of the one
        # that inherits it.
        is_own = EXTENDS not in own or field_of(own, field) is not None
        owner = name if is_own else str(parent_name)
        try:
            values = _pin_file(values, field, owner, workspace)
        except ConfigError as fault:
            faults.add(fault)
            path = case_path(owner).parent / FILE_FIELDS[field]
            values = _with_file(values, field, path.as_posix(), NO_DIGEST)
        with faults.kept():
            # A file that lies where a yardstick lies by custom, and that nobody names, would be
            # believed to be in force.
            if field_of(own, field) in (None, NO_CHAMPION):
                _refuse_unnamed_file(name, field, workspace)
    for field in SHARED_FILE_FIELDS:
        with faults.kept():
            _check_shared_file(values, field, name, workspace)
    return split_words(values)


def resolved_text(name: str, values: Mapping[str, Any]) -> str:
    """Return the text of `resolved.yaml`: the same values give the same bytes."""
    sources = [case_path(name).as_posix()]
    if EXTENDS in values:
        sources.append(case_path(str(values[EXTENDS])).as_posix())
    head = f"# Written by `./portcullis sync` from {' and '.join(sources)}: edit there.\n"

    body: str = yaml.dump(
        dict(values),
        Dumper=_PlainDumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=LINE_COLUMNS,
    )
    return head + body


def merge_case(parent: Mapping[str, Any], child: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return `child` laid over `parent` by rules 2 and 3; neither is changed.

    Args:
        parent: What is extended.
        child: What is laid over it.
        where: The child's file, and in it the place, for messages.

    Raises:
        ConfigError: A `null` has nothing to remove.
    """
    merged = dict(parent)
    for key, value in child.items():
        # `configs/b/case.yaml: train` first, then `configs/b/case.yaml: train.cutoff`.
        place = f"{where}: {key}" if ": " not in where else f"{where}.{key}"

        if value is None:
            if key not in merged:
                raise ConfigError(
                    place,
                    expected="something that `null` removes from the use case it extends",
                    found="nothing there",
                    remedy="Mend the spelling, or leave the line out.",
                )
            del merged[key]
        elif isinstance(value, dict):
            # Also over a scalar or over nothing, so that a `null` inside is refused there, too.
            below = merged.get(key)
            merged[key] = merge_case(below if isinstance(below, dict) else {}, value, place)
        else:
            merged[key] = value
    return merged


def differing_keys(parent: Any, child: Any, prefix: str = "") -> tuple[str, ...]:
    """Return the dotted names of the values that differ between two mappings, sorted.

    Values of different types differ: YAML's `1`, `1.0` and `true` are not the same statement.
    """
    if isinstance(parent, dict) and isinstance(child, dict):
        return tuple(
            sorted(
                name
                for key in parent.keys() | child.keys()
                for name in differing_keys(
                    parent.get(key, _ABSENT),
                    child.get(key, _ABSENT),
                    f"{prefix}.{key}" if prefix else str(key),
                )
            )
        )

    if isinstance(parent, list) and isinstance(child, list) and len(parent) == len(child):
        pairs = zip(parent, child, strict=True)
        return (prefix,) if any(differing_keys(a, b, prefix) for a, b in pairs) else ()

    # Types before values: in Python 1 == 1.0 == True. NaN differs from itself, and so is always
    # listed.
    return () if type(parent) is type(child) and parent == child else (prefix,)


def field_of(values: Mapping[str, Any], dotted: str) -> Any:
    """Return a section or field by its dotted name, or None."""
    value: Any = values
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


class _PlainDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """A dumper that writes equal values out: an alias would make one line depend on another."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value where it stands."""
        del data
        return True


def _read_case(name: str, workspace: Path) -> dict[str, Any]:
    refuse_links(case_path(name), workspace)
    path = case_path(name).as_posix()
    values = read_yaml(workspace / path, path)
    if not isinstance(values, dict):
        raise ConfigError(
            path,
            expected="a mapping",
            found=type(values).__name__,
            remedy="See docs/use-cases.md.",
        )

    if unquoted := next(_dates(values, ""), None):
        raise ConfigError(
            f"{path}: {unquoted}",
            expected='a date in quotes ("2031-12-31"), which DVC can track',
            found="one without",
            remedy="Put it in quotes.",
        )
    return values


def _read_parent(name: str, parent_name: Any, workspace: Path) -> dict[str, Any]:
    place = f"{case_path(name).as_posix()}: {EXTENDS}"
    check_case_name(parent_name, place)
    if parent_name == name or not (workspace / case_path(parent_name)).is_file():
        raise ConfigError(
            place,
            expected="the name of another use case in configs/",
            found="itself" if parent_name == name else "no such use case",
            remedy="Check the spelling.",
        )

    parent = _read_case(parent_name, workspace)
    # One level: whoever reads a case has two files to look at, and no order to work out.
    if EXTENDS in parent:
        raise ConfigError(
            place,
            expected="a use case that extends no other",
            found=f"`{parent_name}`, which extends one itself",
            remedy=f"Extend what `{parent_name}` extends, and repeat what differs.",
        )
    return parent


def _refuse_idle_changes(name: str, own: dict[str, Any]) -> None:
    if LIMIT_CHANGES in own:
        raise ConfigError(
            f"{case_path(name).as_posix()}: {LIMIT_CHANGES}",
            expected=f"it only beside `{EXTENDS}`",
            found="no use case that this one extends",
            remedy="Take it out: these limits change nothing.",
        )


def _check_limit_changes(name: str, parent: dict[str, Any], values: dict[str, Any]) -> None:
    """Refuse a limit that differs from the extended use case's without a reason: rule 5."""
    place = f"{case_path(name).as_posix()}: {LIMIT_CHANGES}"
    # Of what comes out, not of what the child writes: a `null` or a whole section that is replaced
    # changes limits, too.
    changed = set(differing_keys(parent.get(LIMITS, {}), values.get(LIMITS, {})))
    reasons = values.get(LIMIT_CHANGES, {})
    if not isinstance(reasons, dict):
        raise ConfigError(
            place,
            expected="a reason for each limit that differs (`train.auc: why`)",
            found=type(reasons).__name__,
            remedy="See docs/use-cases.md.",
        )

    if silent := sorted(changed - set(reasons)):
        raise ConfigError(
            place,
            expected="a reason for each limit that is not that of the extended use case",
            found=f"none for {', '.join(silent)}",
            remedy="Give each a line (`train.auc: why`), or leave the limit as it is.",
        )
    if idle := sorted(str(limit) for limit in set(reasons) - changed):
        raise ConfigError(
            place,
            expected="only limits that differ from those of the extended use case",
            found=", ".join(idle),
            remedy="Take the line out, or mend the spelling.",
        )

    faults = FaultList()
    for limit, reason in reasons.items():
        if not isinstance(reason, str) or len(reason.strip()) < LEAST_REASON_CHARACTERS:
            faults.add(
                ConfigError(
                    f"{place}.{limit}",
                    expected=f"a reason of at least {LEAST_REASON_CHARACTERS} characters",
                    found="none",
                    remedy="Say why this use case is judged by another limit.",
                )
            )
    faults.raise_all()


def _pin_file(values: dict[str, Any], field: str, owner: str, workspace: Path) -> dict[str, Any]:
    """Return `values` with the file that `field` names replaced by its path and digest."""
    stated = field_of(values, field)
    if stated is None or (field == CHAMPION and stated == NO_CHAMPION):
        return values

    place = f"{case_path(owner).as_posix()}: {field}"
    folder = case_path(owner).parent
    # Rule 6: a link or `..` out of the folder would tie two use cases together unseen. By its words
    # alone: whether `a/../b` stays inside may change with what `a` is a link to.
    if not _is_plain_path(stated):
        raise ConfigError(
            place,
            expected=f"a file below {folder.as_posix()}, by its path from there",
            found="something else",
            remedy=f"By custom it is {FILE_FIELDS[field]}.",
        )

    path = folder / stated
    refuse_links(path, workspace)
    try:
        # No device and no pipe, which would be read for ever, and not more than the reader's limit.
        digest = sha256(read_regular_file(workspace / path)).hexdigest()
    except (OSError, ValueError) as error:
        raise ConfigError(
            place,
            expected=f"a file {path.as_posix()}",
            found=describe_unreadable(error),
            remedy="Restore it from git. A yardstick that is gone is never a pass.",
        ) from error
    return _with_file(values, field, path.as_posix(), digest)


def _with_file(values: dict[str, Any], field: str, path: str, digest: str) -> dict[str, Any]:
    section, _, key = field.partition(".")
    return {**values, section: {**values[section], key: {"path": path, "sha256": digest}}}


def _check_shared_file(values: dict[str, Any], field: str, name: str, workspace: Path) -> None:
    """Refuse a shared file that nobody would digest: rule 7."""
    stated = field_of(values, field)
    if stated is None:
        return

    prefix = f"{SHARED_FILES.as_posix()}/"
    is_below = isinstance(stated, str) and stated.startswith(prefix) and _is_plain_path(stated)
    if is_below:
        refuse_links(Path(stated), workspace)
    if not is_below or not (workspace / stated).is_file():
        raise ConfigError(
            f"{case_path(name).as_posix()}: {field}",
            expected=f"a file below {prefix}, by its path from the top of the checkout",
            found="none of that name" if is_below else "something else",
            remedy="Put the file there: what lies elsewhere is in no statement.",
        )


def _is_plain_path(stated: Any) -> bool:
    """Say whether a field holds a path below its folder, of plain words.

    That is what `CaseFile` takes, on whatever system the checkout lies.
    """
    return isinstance(stated, str) and all(
        FILE_WORD.fullmatch(part) and part not in (".", "..") for part in stated.split("/")
    )


def _refuse_unnamed_file(name: str, field: str, workspace: Path) -> None:
    path = case_path(name).parent / FILE_FIELDS[field]
    if (workspace / path).is_file():
        raise ConfigError(
            f"{case_path(name).as_posix()}: {field}",
            expected=f"{FILE_FIELDS[field]}, which lies beside it",
            found="another statement, or none, so that nobody reads the file",
            remedy=f"Name it, or remove {path.as_posix()}.",
        )


def _without(values: dict[str, Any], dotted: str) -> dict[str, Any]:
    section, _, key = dotted.partition(".")
    inner = values.get(section)
    if not isinstance(inner, dict):
        return values
    return {**values, section: {name: inner[name] for name in inner if name != key}}


def _dates(value: Any, where: str) -> Iterator[str]:
    """Yield where YAML has read a date: DVC cannot track those."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _dates(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _dates(inner, where)
    elif isinstance(value, date):
        yield where


def split_words(values: dict[str, Any]) -> dict[str, Any]:
    """Return a use case with labels and units moved from its columns into `words`.

    The section is always there: DVC tracks it, and refuses a parameter that is absent.
    """
    columns = values.get("columns")
    if not isinstance(columns, dict):
        columns = {}
    labels = {
        name: {field: column[field] for field in WORD_FIELDS if field in column}
        for name, column in columns.items()
        if isinstance(column, dict) and any(field in column for field in WORD_FIELDS)
    }
    words = values.get(WORDS)
    if words is not None and not isinstance(words, dict):
        return values  # what is wrong with it is said where it is read
    if not labels:
        return {**values, WORDS: words or {"columns": {}}}

    bare = {
        name: {key: value for key, value in column.items() if key not in WORD_FIELDS}
        if name in labels
        else column
        for name, column in columns.items()
    }
    return {**values, "columns": bare, WORDS: {**(words or {}), "columns": labels}}
