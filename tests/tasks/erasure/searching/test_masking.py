"""One person out of a file, everybody else in it: by record where there are records."""

import base64
import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Callable

import pandas as pd
import pytest

from tasks.erasure.searching.masking import CannotMaskError, holds_person, remove_person
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms

ANN = "ann@example.org"
TERMS = SearchTerms.of([PersonalValue("email", ANN), PersonalValue("name", "Ann Quarantine")])


def zipped(**files: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return sink.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink)
    return sink.getvalue()


CSV = b"email,income\nann@example.org,111.25\nbob@example.org,222.25\n"
ROWS = [[ANN, 111.25], ["bob@example.org", 222.25]]
RECORDS = {
    "a.csv": (
        b'email,income,note\r\nann@example.org,111.25,x\r\nbob@example.org,222.25,"y\r\nz"\r\n'
    ),
    "a.tsv": CSV.replace(b",", b"\t"),
    "a.jsonl": b"".join(json.dumps({"email": who, "i": i}).encode() + b"\n" for who, i in ROWS),
    "rows.json": json.dumps([{"who": {"e": who}, "i": income} for who, income in ROWS]).encode(),
    "table.json": json.dumps({"columns": ["email", "i"], "data": ROWS}).encode(),
    "keyed.json": json.dumps({str(who): {"i": income} for who, income in ROWS}).encode(),
    "a.csv.gz": gzip.compress(CSV),
    "a.zip": zipped(a__csv=CSV, b__txt=b"nothing"),
    "a.parquet": parquet(pd.DataFrame(ROWS, columns=["email", "income"])),
}
TEXTS = {
    "page.html": b"<td>Ann Quarantine</td><td>bob@example.org 222.25</td>",
    "log": b"hello ann@example.org\nhello bob@example.org 222.25\n",
}
FILES = {**RECORDS, **TEXTS}


def readable(content: bytes) -> bytes:
    """What a person would read in a file."""
    if content[:2] == b"\x1f\x8b":
        return gzip.decompress(content)
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return b"".join(archive.read(part) for part in archive.infolist())
    if content[:4] == b"PAR1":
        return pd.read_parquet(io.BytesIO(content)).to_csv().encode()
    return content


@pytest.mark.parametrize("name", FILES)
def test_the_person_is_found_and_goes_and_the_other_stays_whole(name: str) -> None:
    content = FILES[name]
    assert holds_person(name, content, TERMS)

    clean = remove_person(name, content, TERMS)

    assert not holds_person(name, clean, TERMS)
    assert b"bob@example.org" in readable(clean)
    assert b"222.25" in readable(clean)


@pytest.mark.parametrize("name", RECORDS)
def test_the_record_s_other_values_are_theirs_too(name: str) -> None:
    clean = remove_person(name, RECORDS[name], TERMS)

    assert b"111.25" not in readable(clean)


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_them_says_the_same_after_it(name: str) -> None:
    clean = remove_person(name, FILES[name], TERMS)

    assert readable(remove_person(name, clean, TERMS)) == readable(clean)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.zip", "a.parquet"])
def test_a_container_is_known_by_its_content_where_its_name_says_nothing(name: str) -> None:
    clean = remove_person("aa/bb", FILES[name], TERMS)

    assert b"bob@example.org" in readable(clean)
    assert ANN.encode() not in readable(clean)


def test_the_head_of_a_table_stays_although_it_names_them() -> None:
    clean = remove_person("a.csv", b"Ann Quarantine,income\nx,1\n", TERMS)

    assert clean == b"[erased],income\nx,1\n"


def test_line_ends_and_bytes_of_other_encodings_stay_as_they_are() -> None:
    content = b"name,x\r\nJos\xe9,1\r\nann@example.org,2\r\n"

    assert remove_person("a.csv", content, TERMS) == b"name,x\r\nJos\xe9,1\r\n"


def test_json_keeps_its_shape() -> None:
    content = {"people": [{"email": ANN}], "note": "by Ann Quarantine", "n": [1, 2]}

    clean = remove_person("x.json", json.dumps(content, indent=2).encode(), TERMS)

    assert json.loads(clean) == {"people": [], "note": "by [erased]", "n": [1, 2]}
    assert clean.startswith(b'{\n  "people"')


def test_a_record_that_holds_a_list_of_records_loses_that_one_only() -> None:
    content = [{"page": 1, "rows": [{"who": ANN}, {"who": "bob@example.org"}]}]

    clean = remove_person("x.json", json.dumps(content).encode(), TERMS)

    assert json.loads(clean) == [{"page": 1, "rows": [{"who": "bob@example.org"}]}]


def test_a_value_deep_within_a_record_makes_the_record_theirs() -> None:
    content = [{"a": {"b": {"c": ANN}}, "income": 1}, {"income": 2}]

    clean = remove_person("x.json", json.dumps(content).encode(), TERMS)

    assert json.loads(clean) == [{"income": 2}]


@pytest.mark.parametrize("content", [b"\x00\x01\xff ann@example.org \x00", b"\x07 ann@example.org"])
def test_what_cannot_be_rewritten_is_said_not_damaged(content: bytes) -> None:
    with pytest.raises(CannotMaskError):
        remove_person("model.bin", content, TERMS)


@pytest.mark.parametrize("text", [ANN, f"result for {ANN}", f"xx {ANN} yy" * 30])
@pytest.mark.parametrize("pack", [pickle.dumps, str.encode], ids=["pickled", "plain"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes, base64.urlsafe_b64encode])
def test_a_result_in_base64_is_found_in_the_midst_of_json(
    text: str, pack: Callable[[str], bytes], encode: Callable[[bytes], bytes]
) -> None:
    result = json.dumps({"result": encode(pack(text)).decode()})

    assert holds_person("r", result.encode(), TERMS)


def test_a_longer_address_in_base64_is_another_person_s() -> None:
    other = base64.b64encode(pickle.dumps(f"result for jo{ANN}")).decode()

    assert not holds_person("r", json.dumps({"result": other}).encode(), TERMS)


def test_a_pickle_is_read_and_never_loaded() -> None:
    class Explosive:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return exec, (f"raise SystemExit('{ANN} was loaded')",)

    assert not holds_person("x.pkl", pickle.dumps(Explosive()), SearchTerms.of([]))


def test_of_a_pickle_that_breaks_off_what_came_before_is_read() -> None:
    whole = pickle.dumps([ANN, "x" * 100])

    assert holds_person("x.pkl", whole[:-50], TERMS)


@pytest.mark.parametrize("magic", [b"\x1f\x8b broken ", b"PK ", b"PAR1 "])
def test_broken_containers_are_searched_as_bytes(magic: bytes) -> None:
    assert holds_person("x", magic + ANN.encode() + b" PAR1", TERMS)


@pytest.mark.parametrize("content", [b"\x1f\x8b broken", b"PK\x03\x04", b"PAR1PAR1", b"\x80", b""])
def test_broken_containers_without_them_hold_nobody(content: bytes) -> None:
    assert not holds_person("x", content, TERMS)


def test_a_compressed_file_keeps_its_header() -> None:
    clean = remove_person("a.csv.gz", gzip.compress(CSV, mtime=7), TERMS)

    assert clean[:10] == gzip.compress(CSV, mtime=7)[:10]
