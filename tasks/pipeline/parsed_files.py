"""YAML that DVC reads, parsed once for each text: DVC reads its files anew at every step.

For each stage that it runs or looks at, DVC opens `dvc.yaml`, `dvc.lock` and the resolved use case
again, which is right, for they may have changed, and parses them again, which costs a third of a
release in which nothing has changed. Here the file is still read each time. What its text says is
remembered by that text, and given out as a copy of its own, since DVC changes what it gets.

Only what the `safe` parser makes is remembered: plain values, of which a copy is made by pickling
in a hundredth of the time. In memory of this process alone, so that nobody can put other values
under a text.
"""

import pickle
from threading import Lock
from typing import Any

MOST_TEXTS = 32  # a release reads three files, of which one changes with each stage

_values: dict[str, bytes] = {}  # text -> what it says, pickled
_guard = Lock()  # stages of one wave run at once


def install_parsed_files() -> None:
    """Have DVC parse each text once, in this process."""
    from dvc.utils import strictyaml
    from dvc.utils.serialize import _yaml

    _yaml.parse_yaml = parse_once  # what `load_yaml` looks up
    strictyaml.parse_yaml = parse_once


def parse_once(text: str, path: str, typ: str = "safe") -> Any:
    """Return what a text says, as a copy that is the caller's own.

    In place of `dvc.utils.serialize.parse_yaml` (DVC 3.67), which takes and returns the same.
    """
    from dvc.utils.serialize import parse_yaml

    if typ != "safe" or not isinstance(text, str):
        return parse_yaml(text, path, typ=typ)

    with _guard:
        pickled = _values.get(text)
    if pickled is None:
        pickled = pickle.dumps(parse_yaml(text, path))
        with _guard:
            if len(_values) >= MOST_TEXTS:
                del _values[next(iter(_values))]
            _values[text] = pickled
    return pickle.loads(pickled)
