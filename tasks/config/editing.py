"""Change single fields in a `case.yaml` that people wrote; comments and order stay."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

from tasks.config.case_paths import case_path
from tasks.config.resolving import differing_keys
from tasks.errors import ConfigError
from tasks.formats.whole_file import write_whole
from tasks.formats.yaml_file import parse_yaml, read_yaml


def set_fields(name: str, fields: dict[str, str | None], workspace: Path) -> None:
    """Set fields (`section.key`) of a use case to plain words; None takes a field out.

    The text is changed by lines and then read again. It is written only if exactly these fields
    came out changed, so that a way of writing which this does not know can never do harm.

    Raises:
        ConfigError: The file is written in such a way; the message says what to put in by hand.
    """
    path = workspace / case_path(name)
    # First: this is what says in words that the file is not there, or no YAML in UTF-8.
    intended = _with_values(read_yaml(path, case_path(name).as_posix()), fields)
    text = path.read_text(encoding="utf-8")

    for field, value in fields.items():
        text = _with_field(text, field, value)

    try:
        is_done = not differing_keys(intended, parse_yaml(text, case_path(name).as_posix()))
    except ConfigError:
        is_done = False
    if not is_done:
        lines = (f"`{field}: {value or '(take it out)'}`" for field, value in fields.items())
        raise ConfigError(
            case_path(name).as_posix(),
            expected="sections in lines of their own, which can be changed by program",
            found="another way of writing them",
            remedy=f"Set {', '.join(lines)} by hand, then run `./portcullis sync`.",
        )
    # Whole or not at all: what people wrote stands nowhere else before they commit it.
    write_whole(path, text.encode())


def _with_values(values: dict[str, Any], fields: dict[str, str | None]) -> dict[str, Any]:
    """Return what the file has to say afterwards: `values` with `fields` set or taken out."""
    changed = deepcopy(values)
    for field, value in fields.items():
        section, _, key = field.partition(".")
        if value is not None:
            changed.setdefault(section, {})[key] = value
        elif section in changed:
            changed[section].pop(key, None)
    return changed


def _with_field(text: str, field: str, value: str | None) -> str:
    """Return `text` with one field changed, added as the first of its section, or taken out."""
    section, _, key = field.partition(".")
    # A section at the margin with nothing behind its name but a comment: `section: {…}` in one line
    # is not edited, and the check in `set_fields` refuses it.
    start = re.search(rf"^{section}:[ \t]*(?:#.*)?\n", text, re.MULTILINE)
    if start is None:
        return text if value is None else f"{text.rstrip()}\n\n{section}:\n  {key}: {value}\n"

    # A section ends where the next line begins at the margin and is no comment.
    end = re.compile(r"^(?=[^\s#])", re.MULTILINE).search(text, start.end())
    stop = end.start() if end else len(text)

    body = text[start.end() : stop]
    line = re.compile(rf"^(?P<head>[ ]+{key}:[ ]*)[^#\n]*?(?P<tail>[ ]*(?:#.*)?\n)", re.MULTILINE)

    if value is None:
        body = line.sub("", body, count=1)
    elif line.search(body):
        body = line.sub(lambda match: f"{match['head']}{value}{match['tail']}", body, count=1)
    else:
        # As the section's first line is indented, whatever comments stand above it.
        indent = re.match(r"(?:\s*#.*\n|\s*\n)*([ ]+)", body)
        body = f"{indent[1] if indent else '  '}{key}: {value}\n{body}"
    return text[: start.end()] + body + text[stop:]
