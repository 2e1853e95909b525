"""What claims too much, is damaged, or nests too deep ends in words, and never in an error."""

import base64
import bz2
import gzip
import io
import lzma
import pickle
import random
import sqlite3
import tarfile
import zipfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.erasure.searching.masking import CannotMaskError, remove_person, search_content
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tasks.erasure.searching.unfolding import archives, compression, documents, tables
from tasks.erasure.searching.unfolding import unfolder as unfolding
from tasks.erasure.searching.unfolding.charsets import guess_charset
from tasks.erasure.searching.unfolding.escapes import ESCAPINGS
from tasks.erasure.searching.unfolding.pieces import (
    BEYOND_BOUNDS,
    DEEPEST,
    NESTED_TOO_DEEP,
    Budget,
)
from tasks.erasure.searching.unfolding.programs import split_by_offsets
from tests.tasks.erasure.searching.unfolding.test_unfolder import (
    CASES,
    compressed,
    database,
    parquet_of,
    pdf,
    saved,
    tarred,
    zipped,
)

ANN = "ann@example.org"
TERMS = SearchTerms.of([PersonalValue("email", ANN), PersonalValue("name", "Zoë Quarantäne")])
ZEROS = bytes(40 * 1024**2)
BOMBS = {
    "a.gz": gzip.compress(ZEROS),
    "a.z": zlib.compress(ZEROS),
    "a.bz2": bz2.compress(ZEROS),
    "a.xz": lzma.compress(ZEROS),
    "a.zst": compressed("zstd", ZEROS),
    "a.zip": zipped(a=ZEROS),
    "a.pdf": pdf(ZEROS),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_expands_without_end_is_stopped_and_named(name: str) -> None:
    assert BEYOND_BOUNDS in search_content(name, BOMBS[name], TERMS).unsearched


def test_what_came_before_the_bound_is_searched() -> None:
    content = gzip.compress(ANN.encode() + ZEROS)

    result = search_content("a.gz", content, TERMS)

    assert result.holds_person
    assert result.unsearched == (BEYOND_BOUNDS,)
    with pytest.raises(CannotMaskError):
        remove_person("a.gz", content, TERMS)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"x" * 99),
        compressed("zstd", b"x" * 99),
        zipped(a=b"x" * 99),
        tarred(b"x" * 99),
        parquet_of(["x" * 99]),
        database(),
        pdf(b"x" * 99),
        "x äöü".encode("utf-16") * 9,
    ],
    # Not by content: a compressed one holds the time, and workers would collect different tests.
    ids=["gzip", "zstd", "zip", "tar", "Parquet", "SQLite", "PDF", "UTF-16"],
)
def test_a_file_has_one_budget_for_all_that_is_in_it(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfolder = unfolding.Unfolder(has_accents=True, has_bytes=TERMS.has_bytes)
    unfolder._budget.left_bytes = 9

    assert len(list(unfolder.walk("a", content))) >= 1
    assert list(unfolder.unsearched) == [BEYOND_BOUNDS]


def test_a_table_that_claims_too_many_cells_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_CELLS", 1)

    assert search_content("a", parquet_of(["x", "y"]), TERMS).unsearched == (BEYOND_BOUNDS,)


def test_an_arrow_file_beyond_the_budget_is_named() -> None:
    sink = io.BytesIO()
    columns = pa.table({"a": ["x" * 99]})
    with pa.ipc.new_file(sink, columns.schema) as writer:
        writer.write_table(columns)

    assert tables.open_arrow("a", sink.getvalue(), Budget(9)).unsearched == [BEYOND_BOUNDS]


def test_a_sparse_file_of_tar_claims_no_more_than_the_archive() -> None:
    content = bytearray(tarred(b"x" * 99))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        member = archive.next()
    assert member is not None
    member.size = 1 << 40
    content[:512] = member.tobuf(tarfile.GNU_FORMAT)

    opened = archives.open_tar(bytes(content), Budget())

    assert opened.unsearched == ["damaged tar"]


def nest(content: bytes, layers: int) -> bytes:
    for _ in range(layers):
        content = gzip.compress(content)
    return content


def test_containers_are_opened_to_a_depth_and_then_named() -> None:
    inner = search_content("a", nest(ANN.encode(), DEEPEST), TERMS)
    deeper = search_content("a", nest(ANN.encode(), DEEPEST + 1), TERMS)

    assert (inner.holds_person, inner.unsearched) == (True, ())
    assert (deeper.holds_person, deeper.unsearched) == (False, (NESTED_TOO_DEEP,))


def test_the_same_bytes_are_looked_at_once() -> None:
    unfolder = unfolding.Unfolder(has_accents=False, has_bytes=TERMS.has_bytes)
    content = zipped(**{f"{number}": b"the same text" for number in range(9)})

    pieces = [piece.content for piece in unfolder.walk("a", content)]

    assert pieces.count(b"the same text") == 1


# Damage

SOURCES = {
    "gzip": gzip.compress(b"text " * 99),
    "bzip2": bz2.compress(b"text " * 99),
    "xz": lzma.compress(b"text " * 99),
    "LZMA": lzma.compress(b"text " * 99, lzma.FORMAT_ALONE),
    "zstd": compressed("zstd", b"text " * 99),
    "lz4": compressed("lz4", b"text " * 99),
    "zip": zipped(a=b"text " * 99),
    "tar": tarred(b"text " * 2999),
    "Parquet": parquet_of(["text"] * 99),
    "SQLite database": database(),
    "NumPy file": saved(["text"] * 99),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_file_that_breaks_off_is_named(kind: str) -> None:
    content = SOURCES[kind]

    result = search_content("a", content[: len(content) // 2], TERMS)

    assert result.unsearched == (f"damaged {kind}",)


@pytest.mark.parametrize(("name", "content"), CASES, ids=[name for name, _ in CASES])
def test_damage_of_any_kind_raises_nothing(name: str, content: bytes) -> None:
    lot = random.Random(name)
    for _ in range(12):
        broken = bytearray(content)
        for _ in range(lot.randint(1, 4)):
            broken[lot.randrange(len(broken))] = lot.randrange(256)
        damaged = bytes(broken[: lot.randint(1, len(broken))])
        search_content(name, damaged, TERMS)
        try:
            remove_person(name, damaged, TERMS)
        except CannotMaskError:
            continue


def test_a_damaged_member_leaves_the_others_readable() -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a", b"text")
        archive.writestr("b", ANN)
    content = sink.getvalue().replace(b"text", b"Text", 1)

    result = search_content("a.zip", content, TERMS)

    assert (result.holds_person, result.unsearched) == (True, ("damaged zip",))


def test_the_signature_of_a_zip_alone_is_no_damage() -> None:
    end = zipped(a=b"x")[-22:-6] + b"\xff\xff\xff\x00" + b"\x00\x00"

    assert search_content("a", b"made by PK: " + end, TERMS).unsearched == ()


def test_a_member_in_another_compression_is_named() -> None:
    content = bytearray(zipped(a=b"text"))
    content[8] = 97
    content[content.index(b"PK\x01\x02") + 10] = 97

    result = search_content("a.zip", bytes(content), TERMS)

    assert result.unsearched == ("zip in another compression",)


def test_a_database_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE a (b TEXT)")
    made.executemany("INSERT INTO a VALUES (?)", [("x",)] * 2000)
    made.commit()
    content = made.serialize()
    made.close()
    monkeypatch.setattr(tables, "SQLITE_STEPS", 2)
    monkeypatch.setattr(tables, "STEPS_AT_ONCE", 1)

    assert tables.open_sqlite("a", content, Budget()).unsearched == ["damaged SQLite database"]


def test_a_stream_of_arrow_that_is_none_is_no_damage() -> None:
    opened = tables.open_arrow("a", b"\xff\xff\xff\xff" + bytes(20), Budget())

    assert not opened.is_whole
    assert opened.unsearched == []
    assert tables.open_arrow("a", b"ARROW1" + bytes(20), Budget()).unsearched == [
        "damaged Arrow file"
    ]


def test_numbers_and_pickles_of_numpy_are_not_loaded() -> None:
    assert tables.open_numpy("a", saved(np.arange(9))).parts == []
    newer = io.BytesIO()
    np.lib.format.write_array(newer, np.array(["x"]), version=(2, 0))
    assert tables.open_numpy("a", newer.getvalue()).parts == [("a.texts", b"x")]


def test_a_table_of_numbers_has_no_texts() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), sink)

    (schema,) = tables.open_parquet("a", sink.getvalue(), Budget()).parts

    assert schema == ("a.schema", b"a")


def test_extension_and_view_types_are_read_as_what_they_hold() -> None:
    views = pa.table(
        {
            "text": pa.array([ANN], pa.string_view()),
            "bytes": pa.array([b"x"], pa.binary_view()),
            "uuid": pa.array([b"0" * 16], pa.uuid()),
        }
    )
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, views.schema) as writer:
        writer.write_table(views)

    assert search_content("a", sink.getvalue(), TERMS).holds_person


# Small things


def test_a_zlib_stream_that_ends_at_once_is_text() -> None:
    assert compression.open_stream("a", b"x^2 + y^2 = z^2", Budget()) is None
    assert not compression.is_zlib(b"x\x9c")


def test_a_pdf_with_stray_streams_is_read_as_far_as_it_goes() -> None:
    content = b"%PDF-1.4\nstream\nnot compressed\nendstream\n(a\\101\\n\\q) Tj"

    assert documents.open_pdf(content, Budget()).parts == [("page.txt", b"aA\nq")]


def test_digits_after_a_backslash_are_octal_or_themselves() -> None:
    content = b"%PDF-1.4\n(\\9\\8\\1018\\79) Tj"

    assert documents.open_pdf(content, Budget()).parts == [("page.txt", b"98A8\x079")]


@pytest.mark.parametrize(
    "content",
    [
        b"[" + b"1" * 60 + b" 0 R",
        b"[" + b"0.5 " * 20_000 + b"/Name",
        b"[" + b" " * 50_000,
        b"[(a)" * 20_000,
        b"[<00" * 20_000,
        b"(" * 50_000,
        b"stream\n" * 50_000,
    ],
)
def test_a_pdf_that_closes_nothing_is_read_to_its_end(content: bytes) -> None:
    """A search that divides in every possible manner what it met does not end with the first."""
    opened = documents.open_pdf(b"%PDF-1.4\n" + content, Budget())
    assert [name for name, _ in opened.parts] == ["page.txt"]


@pytest.mark.parametrize(
    "text", ["\\u{110000}", "\\Uffffffff", "\\ud800", "&#1114112;", "&#xD800;"]
)
def test_escapes_of_no_character_are_read_as_its_replacement(text: str) -> None:
    renderings = [escaping.render(text.encode()) for escaping in ESCAPINGS]

    assert [rendering for rendering in renderings if rendering is not None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"=?x-none?q?a_b=41?=", b"a bA"),
        (b"=?utf-8?b?!?=", b""),
        (b"=?utf-8?b?YWI=?= c", b"ab c"),
    ],
)
def test_words_of_mail_headers_are_read_whatever_they_claim(text: bytes, expected: bytes) -> None:
    (rendering,) = [
        escaping.render(text) for escaping in ESCAPINGS if escaping.name == "mail headers"
    ]

    assert rendering is not None
    assert rendering.content == expected


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
        ("cp1251", "Уважаемый Иван Петров, добрый день"),
        ("koi8-r", "Уважаемый Иван Петров, добрый день"),
        ("cp1253", "καλημέρα, \u0393ιώργο Παπαδόπουλε, είναι εδώ σήμερα"),  # noqa: RUF001
        ("cp1254", "I\u015f\u0131k ve gölge: değişik bir şey, çok güzel"),
        ("cp850", "Müller wohnt in Köln, später in Düsseldorf, für Gäste"),
    ],
)
def test_a_charset_is_guessed_by_its_words(charset: str, text: str) -> None:
    content = text.encode(charset)

    assert content.decode(guess_charset(content)) == text


def test_a_character_too_many_in_base64_is_left_out() -> None:
    run = base64.b64encode(gzip.compress(ANN.encode())).rstrip(b"=")

    assert search_content("a", run + b"A" * ((1 - len(run)) % 4), TERMS).holds_person


def test_deep_base64_of_a_pickle_within_json_is_found() -> None:
    inner = base64.b64encode(gzip.compress(pickle.dumps({"a": [ANN]})))

    assert search_content("a", b'{"x": "%b"}' % base64.b64encode(inner), TERMS).holds_person


@pytest.mark.parametrize(
    "offsets",
    [
        b"",
        b"\x00" * 7,
        np.array([0], "<i8").tobytes(),
        np.array([0, 0], "<i8").tobytes(),  # no text
        np.array([-1, 3], "<i8").tobytes(),
        np.array([0, 9], "<i8").tobytes(),  # behind the end
        np.array([0, 3, 2, 6], "<i8").tobytes(),  # backwards
        np.array([0, 5, 2], "<i4").tobytes(),
    ],
)
def test_bytes_that_are_no_offsets_part_nothing(offsets: bytes) -> None:
    assert split_by_offsets(offsets, b"annbob") == []


def test_offsets_part_a_column_of_texts() -> None:
    for kind in ("<i4", "<i8"):
        offsets = np.array([0, 3, 3, 6], kind).tobytes()
        assert split_by_offsets(offsets, b"annbob") == [b"ann", b"", b"bob"]
