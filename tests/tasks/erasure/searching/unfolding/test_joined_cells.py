"""Cells that are looked at together give what each of them gives by itself."""

import base64
import bz2
import gzip
import html
import json
import pickle
import quopri
import random
import zlib
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.erasure.searching.masking import search_content
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tasks.erasure.searching.unfolding import joined_cells
from tasks.erasure.searching.unfolding.joined_cells import BETWEEN_CELLS, join_cells

EMAIL = "ann.quarantine@example.org"
NAME = "Zo\u00eb Quarantine"
ADDRESS = PersonalValue("email", EMAIL, "a")
ACCENTED = PersonalValue("name", NAME, "a")
BORN = PersonalValue("date", "1980-03-01", "a")
COMMON = PersonalValue("name", "Quarantine", "a")


def written(text: str) -> list[bytes]:
    """Return a text in ways that a cell may hold it."""
    plain = text.encode()
    escaped = "".join(f"&#{ord(char)};" for char in text)
    return [
        plain,
        b"x" + plain + b"x",
        text.encode("utf-16"),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        text.encode("utf-32-le"),
        b"\x01" + text.encode("utf-16-le"),
        text.encode("cp1252", errors="replace"),
        text.encode("cp1250", errors="replace"),
        plain.decode("latin-1").encode(),
        base64.b64encode(plain),
        b"id=" + base64.b64encode(plain).rstrip(b"="),
        plain.hex().encode(),
        plain.hex(":").encode(),
        gzip.compress(plain),
        bz2.compress(plain),
        zlib.compress(plain),
        pickle.dumps([text]),
        pickle.dumps(text, 0),
        bytes([len(plain)]) + plain + b"k",
        b"\x00" + bytes([len(plain)]) + plain + b"k\x00",
        escaped.encode(),
        html.escape(text).replace(".", "&period;").encode(),
        quote(text).replace(".", "%2E").encode(),
        quopri.encodestring(plain.replace(b".", b"=2E")) + b"=\n",
        plain.replace(b".", b"=2E") + b"=",
        plain.replace(b"quar", b"<b>quar</b>").replace(b"Quar", b"<b class='c'>Quar</b>"),
        plain[:6] + b"<b " + plain[6:],
        json.dumps({"a": text, "b": [1, "1980-03-01"]}).encode(),
        json.dumps([{"a": text}, {"b": "1980-03-01"}], indent=1).encode(),
        plain + b" born 1980-03-01",
        plain + b"\nborn 1980-03-01",
        plain.replace(b"@", b"\\u0040").replace(b"Q", b"\\x51"),
        b"=?utf-8?q?" + plain.replace(b"@", b"=40").replace(b" ", b"_") + b"?=",
    ]


OTHERS = [
    b"",
    b".",
    b"See you.",
    b"<b",
    b"</b",
    b"&",
    b"=",
    b"=4",
    b"\\",
    b"%4",
    b"caf\xc3\xa9",
    b"caf\xe9",
    b"ustar",
    b"\x89PNG\r\n\x1a\n\x00\x01",
    b"PK\x05\x06",
    b"\x00\x00\x00\x18ftypmp42",
    b"x" * 300 + b"&amp;" + b"y" * 3000,
    *(bytes(random.Random(seed).randbytes(20)) for seed in range(40)),
]


def look_at(terms: SearchTerms, cells: list[bytes]) -> tuple[bool, bool, set[str]]:
    """Return what pieces give: the person, somebody who may be, and what nobody looked into."""
    searches = [search_content("t.cell", cell, terms) for cell in cells]
    return (
        any(search.holds_person for search in searches),
        any(search.ambiguous or search.holds_person for search in searches),
        {words for search in searches for words in search.unsearched},
    )


def join(terms: SearchTerms, cells: list[bytes]) -> list[bytes]:
    pieces = join_cells("t.cell", cells, terms.has_bytes, has_accents=terms.has_accents)
    return [piece for _, piece in pieces if piece]


@pytest.mark.parametrize("values", [(ADDRESS,), (ACCENTED, BORN), (COMMON, BORN), (ADDRESS, BORN)])
def test_together_they_give_what_each_gives_by_itself(values: tuple[PersonalValue, ...]) -> None:
    terms = SearchTerms.of(values)
    draw = random.Random(12)
    hiding = [*written(EMAIL), *written(NAME), *written("Joann.quarantine@example.org")]

    for cell in hiding:
        around = draw.sample(OTHERS, 6)
        cells = [*around[:3], cell, *around[3:]]
        alone = look_at(terms, cells)
        together = look_at(terms, join(terms, cells))
        assert together == alone, cell


def test_of_cells_without_anything_to_decode_one_piece_is_made() -> None:
    terms = SearchTerms.of([ADDRESS])
    cells = [b"cell %d" % number for number in range(200)]

    assert join(terms, cells) == [BETWEEN_CELLS.join(cells)]


def test_a_cell_with_a_term_among_its_bytes_is_found_among_many_and_looked_at_alone() -> None:
    terms = SearchTerms.of([ADDRESS])
    cells = [b"cell %d" % number for number in range(200)]
    cells[77] = b"x" + EMAIL.encode()

    assert cells[77] in join(terms, cells)


def test_what_is_not_utf8_is_no_text_for_those_who_have_no_accents_in_their_values() -> None:
    cells = [b"caf\xe9", b"tea", b"caf\xe9s"]

    assert join(SearchTerms.of([ADDRESS]), cells) == [b"tea", BETWEEN_CELLS.join(cells[::2])]
    assert join(SearchTerms.of([ACCENTED]), cells) == [cells[0], cells[2], b"tea"]


def test_a_table_s_cells_are_joined_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined_cells, "CELLS_AT_ONCE", 3)
    terms = SearchTerms.of([ADDRESS])
    hidden = b"of ann&#46;quarantine&#64;example&#46;org"
    table = pa.table({"cell": pa.array([b"a", b"b", b"c", b"\x00d", hidden], pa.binary())})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="none")

    assert search_content("t.parquet", sink.getvalue().to_pybytes(), terms).holds_person
    assert len(join(terms, table["cell"].to_pylist())) == 2
