"""Read YAML, in the one way that all of the project reads it.

Plain YAML readers keep the last of two equal keys: a second `sex: {role: feature}` takes protection
away from a column, and nobody sees it. They also read an unquoted key `yes` as a boolean. Both are
refused here, and every fault names its file and line, never a value.
"""

from pathlib import Path
from typing import Any

import yaml

from tasks.errors import ConfigError

MERGE = "tag:yaml.org,2002:merge"  # `<<: *anchor`: its keys may be overridden
# The same language, ten times as fast, where libyaml was compiled in.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _KeyFaultError(Exception):
    """A key that may not stand there."""

    def __init__(self, line: int, *, expected: str, found: str, remedy: str) -> None:
        super().__init__()
        self.line = line
        self.expected = expected
        self.found = found
        self.remedy = remedy


class _StrictLoader(_SafeLoader):  # type: ignore[misc] # libyaml's loader has no types
    """A safe loader that refuses what a mapping would silently swallow."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys all differ and are no booleans."""
        keys: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue

            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, bool):
                raise _KeyFaultError(
                    line,
                    expected="every key as the text that it is",
                    found=f"an unquoted `{key_node.value}`, which YAML reads as {str(key).lower()}",
                    remedy="Put it in quotes.",
                )

            # An unhashable key is no key at all; the base class says so with its line.
            if isinstance(key, str | int | float) and key in keys:
                raise _KeyFaultError(
                    line,
                    expected="every key once",
                    found=f"`{key}` a second time",
                    remedy="Keep one of the two.",
                )
            if isinstance(key, str | int | float):
                keys.add(key)

        values: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return values


def parse_yaml(text: str, name: str) -> Any:
    """Return what a YAML text holds.

    Args:
        text: One YAML document; JSON is YAML, too.
        name: The file's name, for messages.

    Raises:
        ConfigError: It is no YAML, or a mapping has a key twice or a boolean as its key.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except _KeyFaultError as fault:
        raise ConfigError(
            f"{name}, line {fault.line}",
            expected=fault.expected,
            found=fault.found,
            remedy=fault.remedy,
        ) from None
    except yaml.YAMLError as error:
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
        ConfigError: It is absent, not readable as UTF-8, or `parse_yaml` refuses it.
    """
    name = name or path.as_posix()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            name,
            expected="a YAML file in UTF-8",
            found="none" if isinstance(error, FileNotFoundError) else type(error).__name__,
            remedy="Restore it from git.",
        ) from error
    return parse_yaml(text, name)
