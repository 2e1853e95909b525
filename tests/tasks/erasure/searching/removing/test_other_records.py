"""A namesake and a household in one file: nothing of theirs goes, or makes it hold Ann."""

import io
import json
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.erasure.searching.masking import holds_person, remove_person, search_content
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms

ANN = "ann@example.org"
NAME = "Ann Quarantine"
PHONE = "+49 40 998877 12"
NAMESAKE = ("Ann Quarantine", "ann2@example.net", "+49 40 111222 33")
PARTNER = ("Bob Quarantine", "bob@example.net", PHONE)
OTHERS = (NAMESAKE, PARTNER)
SHARED = [PersonalValue("name", NAME, "ann"), PersonalValue("phone", PHONE, "ann")]
TERMS = SearchTerms.of([PersonalValue("email", ANN, "ann"), *SHARED], ambiguous=SHARED)


def sqlite_file(folder: Path) -> bytes:
    path = folder / "people.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (name TEXT, email TEXT, phone TEXT)")
        connection.executemany("INSERT INTO people VALUES (?, ?, ?)", OTHERS)
    connection.close()
    return path.read_bytes()


def parquet_file(rows: list[tuple[str, str, str]]) -> bytes:
    sink = io.BytesIO()
    columns = dict(zip(("name", "email", "phone"), map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), sink, compression="none")
    return sink.getvalue()


def read_rows(content: bytes) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = pq.read_table(io.BytesIO(content)).to_pylist()
    return rows


BY_COLUMN = {
    key: {str(number): person[place] for number, person in enumerate(OTHERS)}
    for place, key in enumerate(("name", "email", "phone"))
}
LINES = ["; ".join(person) for person in OTHERS]
JSON_FILES = {
    "lines of a page": {"text/plain": LINES},
    "columns as objects": BY_COLUMN,
    "columns as lists": {key: list(column.values()) for key, column in BY_COLUMN.items()},
    "rows by key": {"a": {"n": NAME, "p": ""}, "b": {"n": "Bob", "p": PHONE}},
    "JSON in JSON": {"log": json.dumps([{"r": line} for line in LINES])},
    "a long text": {"log": f"{NAME} came. {'And so on. ' * 50}Call {PHONE}."},
}


@pytest.mark.parametrize("document", JSON_FILES.values(), ids=JSON_FILES)
def test_what_two_others_are_called_makes_no_json_hold_the_person(document: object) -> None:
    content = json.dumps(document).encode()
    search = search_content("a.json", content, TERMS)
    assert not search.holds_person
    assert search.ambiguous
    assert remove_person("a.json", content, TERMS) == content


@pytest.mark.parametrize("name", ["a.parquet", "a.sqlite"])
def test_nor_does_it_make_a_binary_file_hold_them(name: str, tmp_path: Path) -> None:
    content = sqlite_file(tmp_path) if name == "a.sqlite" else parquet_file([*OTHERS])
    assert not holds_person(name, content, TERMS)


def test_an_address_of_somebody_else_parts_two_records_of_a_line() -> None:
    line = f"{NAME}, {NAMESAKE[1]}, {PHONE}\n".encode()
    assert remove_person("a.txt", line, TERMS) == line


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        # Whose record it is stands first: of the partner's, Ann is the guarantor.
        (
            "a.csv",
            f"n,e,p,guarantor\nBob,bob@example.net,{PHONE},{ANN}\n",
            f"n,e,p,guarantor\nBob,bob@example.net,{PHONE},[erased]\n",
        ),
        ("a.csv", f"n,e,clerk\n{NAME},{ANN},clerk@example.com\n", "n,e,clerk\n"),
        (
            "a.csv",
            f"n; e; p\n{NAME}; {ANN}; {PHONE}\nBob; ; {PHONE}\n",
            f"n; e; p\nBob; ; {PHONE}\n",
        ),
        # What is left identifies her, too: it is hers, whatever stands around her address.
        (
            "a.csv",
            f"e,note,p\nbob@example.net,{NAME} ({PHONE}) is,{ANN}\n",
            "e,note,p\nbob@example.net,[erased] ([erased]) is,[erased]\n",
        ),
        # What a text says identifies her there, and not in the fields beside it.
        (
            "a.csv",
            f"n,p,note\nBob,{PHONE},write to {ANN} of {NAME}\n",
            f"n,p,note\nBob,{PHONE},write to [erased] of [erased]\n",
        ),
        (
            "a.json",
            json.dumps([{"e": "bob@example.net", "p": PHONE, "g": ANN}]),
            json.dumps([{"e": "bob@example.net", "p": PHONE, "g": "[erased]"}]),
        ),
        (
            "a.jsonl",
            json.dumps({"p": PHONE, "note": f"write to {ANN}"}),
            json.dumps({"p": PHONE, "note": "write to [erased]"}),
        ),
        (
            "a.json",
            json.dumps({"a": {"n": NAME, "e": ANN}, "b": {"n": NAME, "e": "ann2@example.net"}}),
            json.dumps(
                {"a": {"n": "[erased]", "e": "[erased]"}, "b": {"n": NAME, "e": "ann2@example.net"}}
            ),
        ),
    ],
)
def test_a_record_of_somebody_else_that_names_the_person_stays(
    name: str, text: str, expected: str
) -> None:
    assert remove_person(name, text.encode(), TERMS).decode() == expected


def test_so_does_a_row_of_parquet() -> None:
    columns = ("name", "email", "phone", "guarantor", "note")
    rows = [
        ("Bob", "bob@example.net", PHONE, ANN, ""),
        (NAME, ANN, PHONE, "bob@example.net", ""),
        ("Eve", "", PHONE, "", f"write to {ANN} of {NAME}"),
        (NAME, "bob@example.net", PHONE, ANN, ""),
    ]
    sink = io.BytesIO()
    pq.write_table(
        pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))), sink
    )
    kept = read_rows(remove_person("a.parquet", sink.getvalue(), TERMS))
    assert [tuple(row.values()) for row in kept] == [
        ("Bob", "bob@example.net", PHONE, "[erased]", ""),
        ("Eve", "", PHONE, "", "write to [erased] of [erased]"),
        # Her name and the household's telephone fill its fields: together they are hers alone.
        ("[erased]", "bob@example.net", "[erased]", "[erased]", ""),
    ]
