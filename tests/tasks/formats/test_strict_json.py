"""JSON with two meanings, or with values that no file can hold, is refused in one line."""

import os
from pathlib import Path

import pytest

from tasks.errors import EvidenceError
from tasks.formats.strict_json import MOST_DEPTH, JsonFaultError, parse_json, read_json


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "a key twice"),
        ('[{"x": {"a": 1, "b": 2, "a": 1}}]', "a key twice"),
        ("NaN", "NaN or an infinity"),
        ('{"a": -Infinity}', "NaN or an infinity"),
        ("1e999", "too large"),
        ("9" * 5000, "more than 40 digits"),
        ('"\\ud800"', "half a surrogate pair"),
        ('{"\\udfff": 1}', "half a surrogate pair"),
        ("[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1), "nest more than"),
        ('{"a":' * 100_000, "nest more than"),
        ("[" * 1_000_000, "nest more than"),
        ("{'a': 1}", "no JSON from line 1"),
        ('{\n"a": ]', "no JSON from line 2"),
        ("", "no JSON"),
        ("1 2", "no JSON"),
    ],
    ids=lambda value: value[:12],
)
def test_it_is_refused_by_its_reason(text: str, reason: str) -> None:
    for form in (text, text.encode()):
        with pytest.raises(JsonFaultError, match=reason):
            parse_json(form)


@pytest.mark.parametrize("data", [b"\xff", b"\xef\xbb\xbf{}", "{}".encode("utf-16")])
def test_what_is_no_plain_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(JsonFaultError):
        parse_json(data)


def test_half_a_pair_that_stands_in_a_text_itself_is_refused() -> None:
    with pytest.raises(JsonFaultError, match="half a surrogate pair"):
        parse_json('"\ud800"')


def test_values_of_json_are_read() -> None:
    text = '{"a": [1, -2.5, 1e3, true, null], "b": {"ß": "\\ud83d\\ude00"}}'
    assert parse_json(text) == {"a": [1, -2.5, 1000.0, True, None], "b": {"ß": "\U0001f600"}}


def test_the_deepest_that_is_allowed_is_read_and_width_is_no_depth() -> None:
    parse_json("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    assert len(parse_json(f"[{','.join(['[]'] * 1000)}]")) == 1000


def test_a_file_is_refused_in_one_line_with_its_name_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    path.write_text('{"gate": "fairness", "gate": "train"}')
    with pytest.raises(EvidenceError, match=r"^data/x: .*a key twice.* Make it anew\.$"):
        read_json(path, "data/x", remedy="Make it anew.")


def test_an_absent_file_a_pipe_and_a_large_file_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    with pytest.raises(EvidenceError, match="found none"):
        read_json(path, remedy="")
    os.mkfifo(path)
    with pytest.raises(EvidenceError, match="no regular file"):
        read_json(path, remedy="")
    path.unlink()
    path.write_text("[1, 2, 3]")
    with pytest.raises(EvidenceError, match="more than 8 bytes"):
        read_json(path, remedy="", most_bytes=8)
