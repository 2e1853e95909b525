"""What a plain YAML reader swallows is refused, in one line, everywhere."""

import re
from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.formats.yaml_file import parse_yaml, read_yaml

CHECKOUT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 3),
        ("columns:\n  sex: {role: protected}\n  sex: {role: feature}\n", 3),
        ("a: {b: 1, b: 1}", 1),
        ("- x\n- {1: a, 1: b}", 2),
        ("a: &m {b: 1}\nc: {<<: *m, d: 1, d: 2}", 2),
        ('"a": 1\na: 2', 2),
    ],
)
def test_a_key_that_stands_there_twice_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError, match=rf"x\.yaml, line {line}: expected every key once"):
        parse_yaml(text, "x.yaml")


@pytest.mark.parametrize("key", ["yes", "no", "on", "true"])
def test_a_key_that_yaml_reads_as_a_boolean_is_refused_by_its_own_spelling(key: str) -> None:
    with pytest.raises(ConfigError, match=f"an unquoted `{key}`.*in quotes"):
        parse_yaml(f"labels: {{{key}: good}}", "x.yaml")
    assert parse_yaml(f'labels: {{"{key}": good}}', "x.yaml") == {"labels": {key: "good"}}


def test_what_is_merged_in_may_be_overridden() -> None:
    assert parse_yaml("a: &m {b: 1}\nc: {<<: *m, b: 2}", "x")["c"] == {"b": 2}


@pytest.mark.parametrize("text", ["a: ]", "a: b: c", "\t- a", "? [a]\n: 1", "a: *nobody"])
def test_a_syntax_error_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"x\.yaml, line 1: expected YAML") as refusal:
        parse_yaml(text, "x.yaml")
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_absent_or_no_text_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found none"):
        read_yaml(tmp_path / "x.yaml")
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UnicodeDecodeError"):
        read_yaml(tmp_path / "x.yaml")


def test_nothing_else_reads_yaml() -> None:
    reader = CHECKOUT / "tasks" / "formats" / "yaml_file.py"
    files = [path for room in ("tasks", "flows") for path in (CHECKOUT / room).rglob("*.py")]
    calls = re.compile(r"yaml\.\w*[lL]oad")
    assert [path for path in files if path != reader and calls.search(path.read_text())] == []
