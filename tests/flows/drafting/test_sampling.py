"""Headers and samples: identity stays text, and nothing that may be a value gets out."""

import bz2
import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.drafting.guessing import guess_columns
from flows.drafting.sampling import sample_file, source_name
from tasks.config.cases import Role
from tasks.errors import ConfigError, SourceError

CANARY = "zyx.canary@example.org"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_keeps_leading_zeros_and_knows_what_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'no,note\n0042,"two\nlines"\n42,\n')
    sampled = sample_file(path, "a")
    assert sampled.columns == {"no": ("0042", "42"), "note": ("two\nlines", None)}
    assert sampled.rows == 2


@pytest.mark.parametrize("opener", [gzip, bz2])
def test_compressed_text_is_read(tmp_path: Path, opener: Any) -> None:
    ending = "gz" if opener is gzip else "bz2"
    path = tmp_path / f"a.jsonl.{ending}"
    path.write_bytes(opener.compress(b'{"id": 9007199254740993, "x": null}\n{"id": 7}\n'))
    assert sample_file(path, "a").columns == {"id": ("9007199254740993", "7"), "x": (None, None)}


def test_parquet_is_read_whatever_its_types(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pd.DataFrame({"id": [2**53 + 1, 7], "half": [0.5, None], "yes": [True, False]})
    frame.to_parquet(path)
    assert sample_file(path, "a").columns == {
        "id": ("9007199254740993", "7"),
        "half": ("0.5", None),
        "yes": ("1", "0"),
    }


@pytest.mark.parametrize(
    "text",
    [
        f"{CANARY},income\nx@example.org,1\n",
        "555-12-3456,income\n555-12-3457,1\n",
        "1987-03-02,income\n1987-03-03,1\n",
        "4711.2599,income\n1,1\n",
        "name;555-12-3456\nZyx Canary;1\n",
        "name,name\na,b\n",
        "name,\na,b\n",
        "Zyx,income\nZyx,1\n",
        f"{'canary ' * 20},income\na,1\n",
    ],
)
def test_what_is_no_header_is_refused_without_a_word_of_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match=r"column [12]: expected a header") as refusal:
        sample_file(write(tmp_path, "a.csv", text), "a")
    words = str(refusal.value)
    assert "\n" not in words
    assert not any(part in words for part in ("anary", "Zyx", "555", "1987", "4711", "income"))


@pytest.mark.parametrize(
    "text",
    [
        "Canary,Oakham\nSmith,London\nJones,Leeds\n",
        "Zyx Canary,Acme\nBo Smith,Initech\nCy Jones,Hooli\n",
        "zcanary,oakham\nbsmith,london\ncjones,leeds\n",
    ],
)
def test_a_first_line_of_the_form_of_the_lines_below_is_no_header(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(SourceError, match="of the same form as the lines below it") as refusal:
        sample_file(write(tmp_path, "a.csv", text), "a")
    assert not any(part in str(refusal.value) for part in ("anary", "Oakham", "Acme", "oakham"))


@pytest.mark.parametrize(
    "text",
    [
        "Employer,Town\nAcme,London\nInitech,Leeds\n",
        "Full Name,Employer\nZyx Canary,Acme\nBo Smith,Initech\n",
        "employer,branch\nAcme,North\nInitech,South\n",
        "Score,Branch\n1.5,North\n2.5,South\n",
    ],
)
def test_one_column_that_tells_its_name_from_its_values_is_enough(
    tmp_path: Path, text: str
) -> None:
    assert list(sample_file(write(tmp_path, "a.csv", text), "a").columns) == text.split("\n")[
        0
    ].split(",")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", ""),
        ("a.csv", "name,income\n"),
        ("a.csv", f"name,income\n{CANARY},1,2\n"),
        ("a.jsonl", f'{{"name": "{CANARY}"'),
        ("a.jsonl", f'["{CANARY}"]\n'),
        ("a.jsonl", '{"name": ' + "[" * 100_000 + f'"{CANARY}"' + "]" * 100_000 + "}\n"),
        ("a.jsonl", f'{{"name": "{CANARY}", "name": NaN}}\n'),
        ("a.jsonl", f'{{"name": "{CANARY * (1 << 18)}"}}\n'),
        ("a.parquet", CANARY),
    ],
)
def test_a_damaged_file_is_one_line_that_quotes_nothing(
    tmp_path: Path, name: str, text: str
) -> None:
    with pytest.raises(SourceError) as refusal:
        sample_file(write(tmp_path, name, text), "a")
    assert "\n" not in str(refusal.value)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("mark", ["\u2028", "\u2029"])
def test_a_name_that_yaml_would_read_as_two_lines_is_none(tmp_path: Path, mark: str) -> None:
    path = write(tmp_path, "a.csv", f"approved{mark}  evil: 1,rejected\n1,0\n0,1\n")
    with pytest.raises(SourceError, match=r"column 1: .*a long or unprintable one"):
        sample_file(path, "a")


def test_a_time_that_has_no_year_in_python_is_one_line(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    times = pa.array([2**52] * 3, pa.timestamp("ms"))
    parquet.write_table(pa.table({"when": times}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="a whole parquet file"):
        sample_file(tmp_path / "a.parquet", "a")


@pytest.mark.parametrize("is_cut", [True, False])
def test_compressed_text_that_is_cut_or_altered_is_one_line(tmp_path: Path, is_cut: bool) -> None:
    whole = gzip.compress(f'{{"name": "{CANARY}"}}\n'.encode() * 100)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(whole[:-12] if is_cut else whole[:20] + b"\xff" * 8 + whole[28:])
    with pytest.raises(SourceError, match="one that cannot be read") as refusal:
        sample_file(path, "a")
    assert "canary" not in str(refusal.value)


def test_bytes_that_are_no_utf_8_and_endings_that_say_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"name": "Zoë"}\n'.encode("latin-1"))
    with pytest.raises(SourceError, match="UTF-8"):
        sample_file(path, "a")
    for name in ("a.xlsx", "a", "a.parquet.gz"):
        with pytest.raises(ConfigError, match="ends in"):
            sample_file(write(tmp_path, name, ""), "a")
    with pytest.raises(SourceError, match="found none"):
        sample_file(tmp_path / "gone.csv", "a")


def test_sources_are_named_after_their_files() -> None:
    assert source_name(Path("My Data-2026.csv.gz"), []) == "my_data_2026"
    assert source_name(Path("a.csv"), ["a", "a_2"]) == "a_3"
    assert source_name(Path("2026.csv"), []) == "source_2026"


def test_objects_and_lists_are_no_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"id": "7", "where": {"zip": "01067"}, "sex": ["f"]}\n' * 30)
    sampled = sample_file(path, "a")
    assert sampled.columns["where"] == (None,) * 30
    assert sampled.renamed({"where": "a_where"}).unreadable == {"a_where", "sex"}
    guesses = {guess.column: guess for guess in guess_columns([sampled])}
    for name in ("where", "sex"):
        assert guesses[name].role is Role.DROPPED
        assert "objects, lists" in guesses[name].why


def test_bytes_and_durations_of_parquet_are_no_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["7", "8"], "scan": [b"x", None]})
    frame["stay"] = pd.to_timedelta([1, None], unit="D")
    frame.to_parquet(tmp_path / "a.parquet")
    assert sample_file(tmp_path / "a.parquet", "a").unreadable == {"scan", "stay"}
