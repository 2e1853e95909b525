"""One person out of a file, everybody else in it: by record where there are records."""

import base64
import gzip
import io
import json
import pickle
import zipfile

import pandas as pd
import pytest

from tasks.erasure.searching.masking import CannotMaskError, holds, without
from tasks.erasure.searching.traces import Traces, Value

TRACES = Traces.of([Value("email", "ann@example.org"), Value("name", "Ann Quarantine")])


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


PEOPLE = pd.DataFrame({"email": ["ann@example.org", "bob@example.org"], "income": [111.25, 222.25]})
FILES = {
    "a.csv": b'email,income,note\r\nann@example.org,111.25,x\r\nbob@example.org,222.25,"y\r\nz"\r\n',
    "a.tsv": b"email\tincome\nann@example.org\t111.25\nbob@example.org\t222.25\n",
    "a.jsonl": b'{"email": "ann@example.org", "i": 111.25}\n{"email": "bob@example.org", "i": 222.25}\n',
    "rows.json": b'[{"who": {"e": "ann@example.org"}, "i": 111.25}, {"who": {"e": "bob@example.org"}, "i": 222.25}]',
    "table.json": b'{"columns": ["email", "i"], "data": [["ann@example.org", 111.25], ["bob@example.org", 222.25]]}',
    "keyed.json": b'{"ann@example.org": {"i": 111.25}, "bob@example.org": {"i": 222.25}}',
    "page.html": b"<td>Ann Quarantine</td><td>bob@example.org 222.25</td>",
    "log": b"hello ann@example.org\nhello bob@example.org 222.25\n",
    "a.csv.gz": gzip.compress(b"email,income\nann@example.org,111.25\nbob@example.org,222.25\n"),
    "a.zip": zipped(
        a__csv=b"email,income\nann@example.org,111.25\nbob@example.org,222.25\n", b__txt=b"nothing"
    ),
    "a.parquet": parquet(PEOPLE),
}


def plain(name: str, content: bytes) -> bytes:
    """What a person would read in it."""
    if content[:2] == b"\x1f\x8b":
        return gzip.decompress(content)
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return b"".join(archive.read(part) for part in archive.infolist())
    return (
        pd.read_parquet(io.BytesIO(content)).to_csv().encode()
        if content[:4] == b"PAR1"
        else content
    )


@pytest.mark.parametrize("name", FILES)
def test_the_person_goes_with_their_record_and_the_other_stays_whole(name: str) -> None:
    content = FILES[name]
    assert holds(name, content, TRACES)
    clean = without(name, content, TRACES)
    assert not holds(name, clean, TRACES)
    read = plain(name, clean)
    assert b"bob@example.org" in read
    assert b"222.25" in read
    if name not in ("page.html", "log"):
        assert b"111.25" not in read, "the record's other values are theirs, too"
    assert (
        without(name, clean, TRACES) == clean
        or content[:4] == b"PAR1"
        or content[:2] in (b"\x1f\x8b", b"PK")
    )


def test_json_keeps_its_shape() -> None:
    content = json.dumps(
        {"people": [{"email": "ann@example.org"}], "note": "by Ann Quarantine", "n": [1, 2]},
        indent=2,
    )
    clean = json.loads(without("x.json", content.encode(), TRACES))
    assert clean == {"people": [], "note": "by [erased]", "n": [1, 2]}


def test_what_cannot_be_rewritten_is_said_not_damaged() -> None:
    with pytest.raises(CannotMaskError):
        without("model.bin", b"\x00\x01\xff ann@example.org \x00", TRACES)


def test_a_pickled_result_in_base64_is_found_in_the_midst_of_json() -> None:
    for text in ("ann@example.org", "result for ann@example.org", "xx ann@example.org yy" * 30):
        for inner in (pickle.dumps(text), text.encode()):
            for written in (
                base64.b64encode(inner),
                base64.encodebytes(inner),
                base64.urlsafe_b64encode(inner),
            ):
                assert holds("r", json.dumps({"result": written.decode()}).encode(), TRACES), (
                    text,
                    written,
                )
    other = base64.b64encode(pickle.dumps("result for joann@example.org")).decode()
    assert not holds("r", json.dumps({"result": other}).encode(), TRACES)


def test_broken_containers_are_searched_as_bytes() -> None:
    for content in (
        b"\x1f\x8b broken ann@example.org",
        b"PK ann@example.org",
        b"PAR1 ann@example.org PAR1",
    ):
        assert holds("x", content, TRACES)
    for content in (b"\x1f\x8b broken", b"PK\x03\x04", b"PAR1PAR1", b""):
        assert not holds("x", content, TRACES)
