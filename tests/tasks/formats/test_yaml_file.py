"""What a plain YAML reader swallows is refused, in one line, everywhere."""

import contextlib
import os
import re
import time
from datetime import date
from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.formats.yaml_file import MOST_YAML_BYTES, parse_yaml, read_yaml

CHECKOUT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 3),
        ("columns:\n  sex: {role: protected}\n  sex: {role: feature}\n", 3),
        ("a: {b: 1, b: 1}", 1),
        ("- x\n- {1: a, 1: b}", 2),
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


def doubled(levels: int) -> str:
    """Return a text of aliases that stand for two to the power of `levels` values."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (doubled(40), 1, "an anchor or alias"),
        ("a: 1\nb: *nobody", 2, "an anchor or alias"),
        ("a: {<<: {b: 1}}", 1, "a merge key"),
        ("a: 1\nb: !!python/object/apply:os.system [id]", 2, "a tag"),
        ("a: !!binary aGk=", 1, "a tag"),
        ("a: !own x", 1, "a tag"),
        ("a: 1\n---\nb: 2", 2, "a second one"),
        ("a: 1\nb: x\0", 2, "a control character"),
        ('a: 1\nb: "\\0"', 2, "a control character"),
        ('a: "\\e[31mred"', 1, "a control character"),
        ("\ufeffa: 1", 1, "a byte order mark"),
        ("a: 1\nb: x\u202ey", 2, "a mark of direction"),
        ('a: "\\u202e"', 1, "a mark of direction"),
        ("a: .inf", 1, "an infinity"),
        ("a: -.Inf", 1, "an infinity"),
        ("a: .nan", 1, "NaN"),
        ("a: 1.0e+999", 1, "an infinity"),
        (f"a: {'9' * 5000}", 1, "another form of one"),
        ("a: 010", 1, "another form of one"),
        ("a: 0x1F", 1, "another form of one"),
        ("a: 12:30", 1, "another form of one"),
        ("a: 1:30.5", 1, "another form of one"),
        ("a: 2031-02-30", 1, "only looks like one"),
        ("~: 1", 1, "a key that YAML reads as NoneType"),
        ("1.5: 1", 1, "a key that YAML reads as float"),
        ("2031-02-03: 1", 1, "a key that YAML reads as date"),
        ('a: "\\ud800"', 1, "a syntax error"),
        ("a: =", 1, "a syntax error"),
        ("\ud800: 1", 1, "a control character"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_what_reads_otherwise_than_it_looks_is_refused_with_its_line(
    text: str, line: int, reason: str
) -> None:
    with pytest.raises(ConfigError, match=rf"x\.yaml, line {line}: .*{reason}") as refusal:
        parse_yaml(text, "x.yaml")
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "[" * MOST_YAML_BYTES,
        "{a: " * (MOST_YAML_BYTES // 4),
        "- " * (MOST_YAML_BYTES // 2),
        "? " * (MOST_YAML_BYTES // 2),
        "- a\n" * (MOST_YAML_BYTES // 4),
        "a:\n" + " x\n" * (MOST_YAML_BYTES // 4),
        "".join(f"k{n}: 1\n" for n in range(24_000)),
        "#" * MOST_YAML_BYTES,
        "&" * MOST_YAML_BYTES,
        "a" * (MOST_YAML_BYTES + 1),
    ],
    ids=lambda text: ascii(text[:5]),
)
def test_a_megabyte_is_read_or_refused_within_seconds(text: str) -> None:
    start = time.process_time()
    with contextlib.suppress(ConfigError):
        parse_yaml(text, "x.yaml")
    # It takes half a second at most; the bound leaves room for a busy machine.
    assert time.process_time() - start < 3


def test_whole_numbers_and_dates_of_the_usual_form_are_read() -> None:
    values = parse_yaml("{a: 1_000, b: -3, c: 0, d: 2.5, e: 2031-12-31, 1: x}", "x.yaml")
    assert values == {"a": 1000, "b": -3, "c": 0, "d": 2.5, "e": date(2031, 12, 31), 1: "x"}


def test_who_changes_what_was_read_changes_it_for_nobody_else() -> None:
    text = "a: {b: [1, {c: 2}]}"
    first = parse_yaml(text, "x.yaml")
    first["a"]["b"][1]["c"] = 3
    first["a"]["b"].append(4)
    assert parse_yaml(text, "y.yaml") == {"a": {"b": [1, {"c": 2}]}}


def test_what_was_refused_is_refused_again_and_by_the_name_that_it_has_then() -> None:
    for name in ("x.yaml", "y.yaml", "x.yaml"):
        with pytest.raises(ConfigError, match=rf"{name}, line 1: expected every key once"):
            parse_yaml("{a: 1, a: 2}", name)


def test_a_pipe_a_folder_or_a_huge_file_is_one_line_and_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="no regular file"):
        read_yaml(path)
    with pytest.raises(ConfigError, match="a folder"):
        read_yaml(tmp_path)
    with pytest.raises(ConfigError, match="no regular file"):
        read_yaml(Path("/dev/zero"))
    path.unlink()
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(ConfigError, match="more than 1,048,576 bytes"):
        read_yaml(path)


@pytest.mark.parametrize("text", ["a: ]", "a: b: c", "\t- a", "? [a]\n: 1"])
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
