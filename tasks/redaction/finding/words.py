"""Lists of words, kept as data in `words.yaml`, so that a list can be mended without code."""

from functools import cache
from pathlib import Path

from tasks.formats.yaml_file import read_yaml


@cache
def word_list(name: str) -> frozenset[str]:
    """Return one list of words, in lower case.

    Raises:
        KeyError: There is no list of that name.
    """
    lists = read_yaml(Path(__file__).with_name("words.yaml"))
    return frozenset(lists[name].split())
