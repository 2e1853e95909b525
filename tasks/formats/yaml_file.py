"""Read YAML, in the one way that all of the project reads it.

Plain YAML readers keep the last of two equal keys: a second `sex: {role: feature}` takes protection
away from a column, and nobody sees it. They also read an unquoted key `yes` as a boolean, `010` as
eight and `12:30` as 750, make objects of tags, and take a minute for a page of aliases that stand
for a billion values. What a file means is to be seen in its lines, so all of that is refused here,
in a time that the file's size bounds. Every fault names its file and line, never a value.
"""

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tasks.errors import ConfigError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.plain_text import UNSAFE_IN_TEXT

# The largest file of this project has 10 kB and 600 values, and nests 7 deep.
MOST_YAML_BYTES = 1 << 20
MOST_NODES = 50_000
MOST_DEPTH = 40
# A stage's worker reads four files 140 times, to see that they are still what they were.
MOST_KEPT_TEXTS = 32
# Python's own limit for converting is 4,300 digits; what is computed with here has 64 bits.
WHOLE_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,17})")

MERGE = "tag:yaml.org,2002:merge"  # `<<: {…}`: its keys may be overridden
_QUOTES = "Put it in quotes."
# The same language, ten times as fast, where libyaml was compiled in.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _YamlFaultError(Exception):
    """Something that may not stand there."""

    def __init__(self, line: int, *, expected: str, found: str, remedy: str) -> None:
        super().__init__()
        self.line = line
        self.expected = expected
        self.found = found
        self.remedy = remedy


class _StrictLoader(_SafeLoader):  # type: ignore[misc] # libyaml's loader has no types
    """A safe loader that refuses what a mapping or a scalar would silently swallow."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys all differ, and are text or whole numbers."""
        keys: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                raise _YamlFaultError(
                    key_node.start_mark.line + 1,
                    expected="every key written out",
                    found="a merge key `<<`",
                    remedy="Write out what it stands for; a use case may extend another.",
                )

            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, bool):
                raise _YamlFaultError(
                    line,
                    expected="every key as the text that it is",
                    found=f"an unquoted `{key_node.value}`, which YAML reads as {str(key).lower()}",
                    remedy=_QUOTES,
                )
            # A list as a key is no key at all; the base class says so with its line.
            if key is None or isinstance(key, float) or hasattr(key, "isoformat"):
                raise _YamlFaultError(
                    line,
                    expected="a key that is text or a whole number",
                    found=f"a key that YAML reads as {type(key).__name__}",
                    remedy=_QUOTES,
                )

            if isinstance(key, str | int):
                if key in keys:
                    raise _YamlFaultError(
                        line,
                        expected="every key once",
                        found=f"`{key}` a second time",
                        remedy="Keep one of the two.",
                    )
                keys.add(key)

        values: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return values

    def construct_whole_number(self, node: Any) -> int:
        """Build a whole number in decimal digits: YAML 1.1 reads `010` as 8 and `1:30` as 90."""
        if not WHOLE_NUMBER.fullmatch(node.value):
            raise _YamlFaultError(
                node.start_mark.line + 1,
                expected="a whole number of at most 18 decimal digits, without zeros before it",
                found="another form of one",
                remedy=_QUOTES,
            )
        return int(node.value.replace("_", ""))

    def construct_finite_number(self, node: Any) -> float:
        """Build a number that compares with others, which NaN and infinities do not."""
        is_sexagesimal = ":" in node.value
        number = math.nan if is_sexagesimal else float(super().construct_yaml_float(node))
        if not math.isfinite(number):
            raise _YamlFaultError(
                node.start_mark.line + 1,
                expected="a finite decimal number",
                found="another form of one" if is_sexagesimal else "NaN or an infinity",
                remedy="Write the number that is meant; a limit cannot be left open.",
            )

        return number

    def construct_date(self, node: Any) -> Any:
        """Build a date, which has to be one: `2031-02-30` looks like one and is none."""
        try:
            return super().construct_yaml_timestamp(node)
        except (ValueError, OverflowError):
            raise _YamlFaultError(
                node.start_mark.line + 1,
                expected="a date of the calendar",
                found="something that only looks like one",
                remedy="Mend it, or put it in quotes if it is none.",
            ) from None


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_whole_number)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _StrictLoader.construct_finite_number)
_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", _StrictLoader.construct_date)


def parse_yaml(text: str, name: str) -> Any:
    """Return what a YAML text holds, for the caller alone to keep or change.

    Args:
        text: One YAML document; JSON is YAML, too.
        name: The file's name, for messages.

    Raises:
        ConfigError: It is no YAML, or holds what is refused here.
    """
    if len(text) > MOST_YAML_BYTES:
        raise ConfigError(
            name,
            expected=f"at most {MOST_YAML_BYTES:,} bytes of YAML",
            found="more",
            remedy="Restore it from git.",
        )

    try:
        return _copy(_values_of(text))
    except _YamlFaultError as fault:
        raise ConfigError(
            f"{name}, line {fault.line}",
            expected=fault.expected,
            found=fault.found,
            remedy=fault.remedy,
        ) from None
    # ValueError: a scalar that its own tag cannot be made of.
    except (yaml.YAMLError, ValueError) as error:
        # Its text quotes the file, which may hold a password; only the line is passed on.
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        raise ConfigError(
            name if line is None else f"{name}, line {line + 1}",
            expected="YAML",
            found="a syntax error",
            remedy="Mend the line.",
        ) from error


def read_yaml(path: Path, name: str = "") -> Any:
    """Return what a YAML file holds; `name` is its name in messages if that is not its path.

    Raises:
        ConfigError: It is absent, no regular file, not readable as UTF-8, or `parse_yaml` refuses
            it.
    """
    name = name or path.as_posix()
    return parse_yaml_bytes(read_yaml_bytes(path, name), name)


def read_yaml_bytes(path: Path, name: str) -> bytes:
    """Return the bytes of a YAML file, for whoever digests what is parsed.

    Raises:
        ConfigError: It is absent, no regular file, or too large.
    """
    try:
        return read_regular_file(path, most_bytes=MOST_YAML_BYTES)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error


def parse_yaml_bytes(content: bytes, name: str) -> Any:
    """Return what the bytes of a YAML file hold, for whoever has compared them with a digest.

    Raises:
        ConfigError: They are not UTF-8, or `parse_yaml` refuses them.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(name, error) from error

    # As Python's text files do; editors on Windows write both.
    return parse_yaml(text.replace("\r\n", "\n").replace("\r", "\n"), name)


def _unreadable(name: str, error: OSError | ValueError) -> ConfigError:
    return ConfigError(
        name,
        expected="a YAML file in UTF-8",
        found=describe_unreadable(error),
        remedy="Restore it from git.",
    )


@lru_cache(maxsize=MOST_KEPT_TEXTS)
def _values_of(text: str) -> Any:
    """Return what a text holds; a text that is refused is refused each time."""
    _check_characters(text)
    _check_structure(text)
    return yaml.load(text, Loader=_StrictLoader)


def _copy(value: Any) -> Any:
    """Copy what can be changed; a hundredth of what parsing again takes."""
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copy(inner) for inner in value]
    return value


def _check_characters(text: str) -> None:
    """Refuse characters that a reviewer does not see, as they stand in the text."""
    if strange := UNSAFE_IN_TEXT.search(text):
        raise _unseen(text.count("\n", 0, strange.start()) + 1)


def _check_structure(text: str) -> None:
    """Refuse what makes a short file long or deep, before any value of it is built.

    The parser is asked for one event after the other and is left where the first limit is passed.
    """
    depth = 0
    nodes = 0
    documents = 0
    events: Iterable[Any] = yaml.parse(text, Loader=_SafeLoader)
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _YamlFaultError(
                    line, expected="one document", found="a second one", remedy="Take it out."
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            depth += isinstance(event, yaml.CollectionStartEvent)
            if nodes > MOST_NODES or depth > MOST_DEPTH:
                raise _YamlFaultError(
                    line,
                    expected=f"at most {MOST_NODES:,} values, {MOST_DEPTH} deep",
                    found="more",
                    remedy="Restore it from git.",
                )
            _check_node(event, line)


def _check_node(event: Any, line: int) -> None:
    """Refuse a node that stands for another one, says what it is made into, or hides characters."""
    if event.anchor is not None:
        raise _YamlFaultError(
            line,
            expected="every value written out",
            found="an anchor or alias (`&`, `*`)",
            remedy=f"Write out what it stands for; where it is text, {_QUOTES.lower()}",
        )

    if getattr(event, "tag", None) is not None:
        raise _YamlFaultError(
            line,
            expected="values without tags",
            found="a tag (`!`)",
            remedy=f"Take it out; where it is text, {_QUOTES.lower()}",
        )

    # An escape in quotes makes a character that stands nowhere in the text.
    if isinstance(event, yaml.ScalarEvent) and UNSAFE_IN_TEXT.search(event.value):
        raise _unseen(line)


def _unseen(line: int) -> _YamlFaultError:
    return _YamlFaultError(
        line,
        expected="characters that everybody sees",
        found="a control character, a byte order mark or a mark of direction",
        remedy="Take it out.",
    )
