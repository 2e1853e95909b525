"""DVC's lock file, changed without DVC's slow way round: the same bytes in less than half the time.

When a stage ends, DVC changes one entry of `dvc.lock`. To keep comments, it reads the whole file by
a parser in pure Python, and writes it whole, even where the entry is as it was. That costs half a
second a stage at a hundred kilobytes, and more with each use case.

Here the file is read by the fast parser, which knows no comments, if nothing of it is lost that
way: written again without a change, it has the same bytes. Any other file (somebody's comments,
numbers in another form) is DVC's to change. What has not changed is not written.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

LOCK_FILE = "dvc.lock"

# The digest of the text that this process has written last, or has found to lose nothing.
_known: set[str] = set()


def install_fast_lock_file() -> None:
    """Have DVC change lock files this way, in this process."""
    from dvc import dvcfile

    dvcfile.modify_yaml = modify_lock_file


@contextmanager
def modify_lock_file(path: str, fs: Any = None) -> Iterator[dict[str, Any]]:
    """Yield what a lock file holds, to be changed in place, and write it if it was changed.

    In place of `dvc.utils.serialize.modify_yaml` (DVC 3.67), which takes and yields the same.
    """
    from dvc.utils.serialize import dumps_yaml, modify_yaml, parse_yaml

    file = Path(path)
    text = file.read_text(encoding="utf-8") if file.name == LOCK_FILE and file.is_file() else ""
    values: dict[str, Any] = parse_yaml(text, path) if text else {}
    is_whole = bool(text) and (_digest(text) in _known or dumps_yaml(values) == text)
    if not is_whole or _has_exponent(values):
        with modify_yaml(path, fs=fs) as round_trip:
            yield round_trip
        return

    before = _form_of(values)
    yield values
    if _form_of(values) != before:
        text = dumps_yaml(values)
        file.write_text(text, encoding="utf-8")
    _known.clear()
    _known.add(_digest(text))


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


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
