"""DVC's lock file, changed without DVC's slow way round: the same bytes in less than half the time.

When a stage ends, DVC changes one entry of `dvc.lock`. To keep comments, it reads the whole file by
a parser in pure Python, and writes it whole, even where the entry is as it was. That costs half a
second a stage at a hundred kilobytes, and more with each use case.

Here the file is read by the fast parser, which knows no comments. What has not changed is not
written. What has, is written from these values if nothing of the file is lost that way: its old
values, written again, have its bytes. In any other file (somebody's comments, numbers in another
form) the change is made DVC's way.

The writer is pure Python, too, and takes twice what the fast parser does. In block style the text
of an entry hangs on that entry alone, so that the text of one that is as it was is kept.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.formats.whole_file import write_whole
from tasks.pipeline.parsed_files import parse_once

LOCK_FILE = "dvc.lock"

# Of each entry that this process has written as text: its form (`_form_of`), and that text.
_entries: dict[str, tuple[Any, str]] = {}


def install_fast_lock_file() -> None:
    """Have DVC change lock files this way, in this process."""
    from dvc import dvcfile

    dvcfile.modify_yaml = modify_lock_file


@contextmanager
def modify_lock_file(path: str, fs: Any = None) -> Iterator[dict[str, Any]]:
    """Yield what a lock file holds, to be changed in place, and write it if it was changed.

    In place of `dvc.utils.serialize.modify_yaml` (DVC 3.67), which takes and yields the same.
    """
    from dvc.utils.serialize import modify_yaml

    file = Path(path)
    text = file.read_text(encoding="utf-8") if file.name == LOCK_FILE and file.is_file() else ""
    values: dict[str, Any] = parse_once(text, path) if text else {}
    if not text or _has_exponent(values):
        with modify_yaml(path, fs=fs) as round_trip:
            yield round_trip
        return

    before = _form_of(values)
    yield values
    # Most stages that ran leave their entry as it was, and writing all of them to compare is most
    # of what this costs.
    if _form_of(values) == before:
        return
    original = parse_once(text, path)
    if _text_of(original) == text:
        # Whoever is killed meanwhile leaves the old one. DVC makes it again of what lies there.
        write_whole(file, _text_of(values).encode(), must_last=False)
        return
    with modify_yaml(path, fs=fs) as round_trip:
        _carry_over(original, values, round_trip)


def _carry_over(
    original: Mapping[str, Any], values: Mapping[str, Any], round_trip: dict[str, Any]
) -> None:
    """Give what DVC's parser read the entries that were changed, and their order."""
    before: Mapping[str, Any] = original.get("stages", {})
    after: Mapping[str, Any] = values["stages"]
    entries = round_trip.setdefault("stages", {})

    for name in before.keys() - after.keys():
        del entries[name]
    for name, entry in after.items():
        if name not in before or _form_of(before[name]) != _form_of(entry):
            entries[name] = entry
    if list(entries) != list(after):
        for name in after:
            entries[name] = entries.pop(name)


def _text_of(values: dict[str, Any]) -> str:
    """Return the text that DVC writes: head, and each entry, which is as it was or written anew."""
    from dvc.utils.serialize import dumps_yaml

    stages = values.get("stages")
    if list(values) != ["schema", "stages"] or not isinstance(stages, dict) or not stages:
        return str(dumps_yaml(values))

    head = "stages:\n"
    parts = [dumps_yaml({"schema": values["schema"]}), head]
    for name, entry in stages.items():
        form = _form_of(entry)
        known_form, part = _entries.get(name, (None, ""))
        if form != known_form:
            part = dumps_yaml({"stages": {name: entry}}).removeprefix(head)
            _entries[name] = (form, part)
        parts.append(part)
    return "".join(parts)


def _form_of(values: Any) -> Any:
    """Return values in a form that differs where the file would: by order, and `1` from `1.0`."""
    if isinstance(values, Mapping):
        return [(_form_of(key), _form_of(value)) for key, value in values.items()]
    if isinstance(values, list | tuple):
        return [list, *map(_form_of, values)]
    return (type(values).__name__, repr(values))


def _has_exponent(values: Any) -> bool:
    """Say whether a number is written with an exponent: the slow parser changes some of these.

    It keeps 7.364591993544863e+17 as 7.364591993544862e+17 (ruamel.yaml 0.19), and DVC with it.
    """
    if isinstance(values, Mapping):
        return any(map(_has_exponent, values.values()))
    if isinstance(values, list):
        return any(map(_has_exponent, values))
    return isinstance(values, float) and "e" in repr(values)
