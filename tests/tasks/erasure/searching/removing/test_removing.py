"""A person goes from the bytes of a file, and every byte that is not theirs stays where it was."""

import gzip
import io
import json
import sqlite3
import zipfile
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.erasure.searching.masking import (
    CannotMaskError,
    holds_person,
    remove_person,
    search_content,
)
from tasks.erasure.searching.removing.archives import remove_from_zip, replace_in_gzip
from tasks.erasure.searching.removing.edits import Edit, apply_edits
from tasks.erasure.searching.removing.json_spans import read_json
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms

ANN = "ann@example.org"
NAME = "Zoë Quarantäne"
NOTE = "candidate"
PHONE = "4155550132"
VALUES = [
    PersonalValue("email", ANN),
    PersonalValue("name", NAME),
    PersonalValue("identifier", PHONE),
    PersonalValue("note", NOTE),
]
TERMS = SearchTerms.of(VALUES)
SHARED = PersonalValue("name", "Eve Winterbottom")
STREET = PersonalValue("street", "Unter den Linden 77")
AMBIGUOUS = SearchTerms.of([*VALUES, SHARED, STREET], ambiguous=[SHARED, STREET])


def clean(name: str, text: str, charset: str = "utf-8") -> str:
    return remove_person(name, text.encode(charset), TERMS).decode(charset)


# Tables


@pytest.mark.parametrize(
    ("name", "table", "expected"),
    [
        ("a.csv", f'a,b\r\n"{ANN}",1\r\n\'x\',"2"\r\n', "a,b\r\n'x',\"2\"\r\n"),
        ("a.csv", f'a;b\n{ANN};"1\n2"\n"q""x";3', 'a;b\n"q""x";3'),
        ("a.tsv", f"a\tb\n\t1\n{ANN}\t2", "a\tb\n\t1\n"),
        ("a.csv", f"a,b\nx,call {ANN} now\n", "a,b\nx,call [erased] now\n"),
        ("a.csv", f'a,b\nx,"call {ANN}, now"\n', 'a,b\nx,"call [erased], now"\n'),
        # A table without a header begins with a person.
        ("a.csv", f"{ANN},12.5\nbob@example.org,1\n", "bob@example.org,1\n"),
        ("a.csv", f"{NAME},income\nx,1\n", "[erased],income\nx,1\n"),
        # Quotes that are no pairs: lines are masked, and none goes.
        ("a.csv", f'a,b\nx,"1\n{ANN},2\ny,3\n', 'a,b\nx,"1\n[erased],2\ny,3\n'),
        ("a.csv", "", ""),
        ("a.csv", f"a,b\nx,\n{ANN},", "a,b\nx,\n"),
        ("a.csv", f"a\rb\r{ANN}\r", "a\rb\r"),
    ],
)
def test_records_go_whole_and_other_records_keep_every_byte(
    name: str, table: str, expected: str
) -> None:
    assert clean(name, table) == expected


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-be"])
def test_a_table_keeps_its_charset(charset: str) -> None:
    table = f"näme,b\r\n{NAME},1\r\nJosé,2\r\n"

    assert clean("a.csv", table, charset) == "näme,b\r\nJosé,2\r\n"


# JSON


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f'[ {{"e": "{ANN}", "n": 1}},\n  {{"e":"bob", "n": 1.10, "n": 1e5}} ]\n',
            '[ {"e":"bob", "n": 1.10, "n": 1e5} ]\n',
        ),
        (f'[{{"n": 1}}, {{"e": "{ANN}"}}, {{"n": 2}}]', '[{"n": 1}, {"n": 2}]'),
        (f'[{{"n": 1}} , {{"e": "{ANN}"}} ]', '[{"n": 1} ]'),
        (f'[{{"e": "{ANN}"}}]', "[]"),
        # A mention in somebody else's record is masked, and the record stays.
        (f'[{{"e": "bob", "x": "of {ANN}"}}]', '[{"e": "bob", "x": "of [erased]"}]'),
        # Texts in a list keep their places; a number that is theirs becomes null.
        (f'{{"e": ["{ANN}", "bob"], "n": [1, 2]}}', '{"e": ["[erased]", "bob"], "n": [1, 2]}'),
        (f'{{"a": {PHONE}, "b": 1}}', '{"a": null, "b": 1}'),
        # Lists side by side, where to cut one would move the other's values.
        (
            f'{{"data": [["{ANN}", 7, true], [{{"k": 1}}, 8]], "index": [3, 4]}}',
            '{"data": [["[erased]", null, null], [{"k": 1}, 8]], "index": [3, 4]}',
        ),
        (
            f'{{"rows": [{{"e": "{ANN}", "n": [1]}}, {{}}], "index": [3, 4]}}',
            '{"rows": [{"e": "[erased]", "n": [null]}, {}], "index": [3, 4]}',
        ),
        # Keys: of a person they go with their pair; of a schema they stay.
        (f'{{"{ANN}": {{"i": 1}}, "bob": 2}}', '{"bob": 2}'),
        (f'{{"by {ANN}": 1, "bob": 2}}', '{"by [erased]": 1, "bob": 2}'),
        (f'{{"a": {{"b": {{"{ANN}": 1}}}}}}', '{"a": {"b": {}}}'),
        # Escapes.
        ('{"a": "ann\\u0040example.org"}', '{"a": "[erased]"}'),
        ('{"a": "Zo\\u00eb Quarant\\u00e4ne!"}', '{"a": "[erased]!"}'),
        ('"{\\"a\\": \\"Zo\\\\u00eb Quarant\\\\u00e4ne\\"}"', '"{\\"a\\": \\"[erased]\\"}"'),
        # A record that holds a list of texts, and one that holds a list of records.
        (f'[{{"e": ["{ANN}"], "n": 1}}, 2]', "[2]"),
        (f'[{{"n": 1, "of": [{{"e": "{ANN}"}}, {{}}]}}]', '[{"n": 1, "of": [{}]}]'),
        (f'"{ANN}"', '"[erased]"'),
    ],
)
def test_json_loses_the_person_and_no_other_byte(text: str, expected: str) -> None:
    assert clean("a.json", text) == expected
    assert clean("no suffix", text) == expected
    json.loads(expected)


def test_lines_of_json_are_records_each() -> None:
    lines = [
        f'{{"e": "{ANN}", "n": 1}}',
        '{"e": "bob",  "n": 1.10}',
        f'{{"e": "eve", "x": "of {ANN}"}}',
        "",
    ]
    expected = '{"e": "bob",  "n": 1.10}\n{"e": "eve", "x": "of [erased]"}\n'

    assert clean("a.jsonl", "\n".join(lines)) == expected
    assert clean("no suffix", "\n".join(lines)) == expected
    assert clean("a.jsonl", f"broken {ANN}\nbroken\n") == "broken [erased]\nbroken\n"


def test_a_word_of_a_schema_is_never_cut() -> None:
    text = '[{"Xylograph": 1, "n": 2}, {"Xylograph": 3, "n": 4}]'
    terms = SearchTerms.of([PersonalValue("note", "Xylograph")])

    with pytest.raises(CannotMaskError):
        remove_person("a.json", text.encode(), terms)
    with pytest.raises(CannotMaskError):
        remove_person("a.csv", b"Xylograph,n\n1,2\n", terms)
    assert clean("a.json", '[{"candidate": 1}]') == '[{"candidate": 1}]'


def test_json_that_is_nested_too_deep_is_left() -> None:
    text = "[" * 900 + f'"{ANN}"' + "]" * 900

    with pytest.raises(CannotMaskError):
        clean("a.json", text)
    assert read_json(b"[" * 100_000) is None


# Values that others carry


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.txt", "a.jsonl"])
def test_what_others_carry_too_is_left_and_said(name: str) -> None:
    content = f'[{{"a": "{SHARED.text}"}},\n\n\n{{"b": "{STREET.text}"}}]'.encode()

    result = search_content(name, content, AMBIGUOUS)

    assert (result.holds_person, result.ambiguous) == (False, True)
    assert remove_person(name, content, AMBIGUOUS) == content


def test_far_apart_in_one_line_is_not_beside_each_other() -> None:
    content = f"{SHARED.text} {'x ' * 300} {STREET.text}".encode()

    result = search_content("a.txt", content, AMBIGUOUS)

    assert (result.holds_person, result.ambiguous) == (False, True)
    assert remove_person("a.txt", content, AMBIGUOUS) == content


def test_one_value_that_others_carry_is_left() -> None:
    result = search_content("a.txt", SHARED.text.encode(), AMBIGUOUS)

    assert (result.holds_person, result.ambiguous) == (False, True)


def test_values_around_a_list_belong_to_the_record_around_it() -> None:
    content = f'[{{"n": "{SHARED.text}", "l": [{{"x": 1}}], "s": "{STREET.text}"}}, {{"n": 1}}]'

    assert search_content("a", content.encode(), AMBIGUOUS).holds_person
    assert remove_person("a", content.encode(), AMBIGUOUS) == b'[{"n": 1}]'


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "a.csv",
            f"n,s\n{SHARED.text},{STREET.text}\nx,{STREET.text}\n",
            f"n,s\nx,{STREET.text}\n",
        ),
        (
            "a.json",
            f'[{{"n": "{SHARED.text}",\n"s": "{STREET.text}"}}, {{"n": "{SHARED.text}"}}]',
            f'[{{"n": "{SHARED.text}"}}]',
        ),
        (
            "a.txt",
            f"{SHARED.text}, {STREET.text}\n{SHARED.text}\n",
            f"[erased], [erased]\n{SHARED.text}\n",
        ),
    ],
)
def test_two_values_in_one_record_identify(name: str, content: str, expected: str) -> None:
    assert search_content(name, content.encode(), AMBIGUOUS).holds_person
    assert remove_person(name, content.encode(), AMBIGUOUS).decode() == expected


# Texts


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.html", "<p>Zo&euml; Quarant&auml;ne &amp; co</p>", "<p>[erased] &amp; co</p>"),
        ("a.log", "GET /?m=%61nn%40example.org&x=%20", "GET /?m=[erased]&x=%20"),
        ("a.eml", "x Zo=C3=AB Quarant=C3=A4ne =\nmore", "x [erased] =\nmore"),
        ("a.txt", "ZoÃ« QuarantÃ¤ne, dÃ©jÃ ", "[erased], dÃ©jÃ "),
    ],
)
def test_an_escaped_mention_is_masked_where_it_is_written(
    name: str, text: str, expected: str
) -> None:
    assert clean(name, text) == expected


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32", "cp1252"])
def test_a_text_is_masked_in_its_own_charset(charset: str) -> None:
    assert clean("a.txt", f"dear {NAME},\nwrite me\n", charset) == "dear [erased],\nwrite me\n"


def test_a_text_of_another_charset_of_one_byte_is_masked_in_it() -> None:
    terms = SearchTerms.of([PersonalValue("name", "Иван Петров")])
    content = "Уважаемый Иван Петров, добрый день".encode("cp1251")

    assert remove_person("a.txt", content, terms).decode("cp1251") == (
        "Уважаемый [erased], добрый день"
    )


def test_bytes_that_windows_does_not_have_are_read_as_latin() -> None:
    content = f"x\x81 {NAME}".encode("latin-1")

    assert remove_person("a.txt", content, TERMS) == b"x\x81 [erased]"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", b"<p>ann@<b>example</b>.org"),
        ("a.pkl", b"\x80\x04\x95" + bytes(8) + b"\x8c\x0fann@example.org\x94."),
        ("a.tar", b""),
        ("a.bin", b"\x00\x01 ann@example.org"),
        ("a.bin", b"\x07 ann@example.org"),
        ("a.pdf", b"%PDF-1.4 ann@example.org"),
        ("a.parquet", b"PAR1 ann@example.org PAR1"),
        ("a.zip", b"PK\x03\x04 ann@example.org"),
        ("a.gz", gzip.compress(ANN.encode(), mtime=0) + b"junk"),
        ("a.gz", gzip.compress(ANN.encode(), mtime=0)[:-4]),
        ("a.gz", b"\x1f\x8b\x08 ann@example.org"),
        ("a.asc", b"-----BEGIN PGP MESSAGE\nann@example.org"),
        ("a.txt", b"\xff\xfe" + ANN.encode("utf-16-le") + b"x"),
        ("a.txt", b"YW5uQGV4YW1wbGUub3JnIGFubkBleGFtcGxlLm9yZw=="),
    ],
)
def test_what_cannot_be_changed_in_place_is_left_to_a_person(name: str, content: bytes) -> None:
    content = content or tarred()
    with pytest.raises(CannotMaskError):
        remove_person(name, content, TERMS)


def tarred() -> bytes:
    import tarfile

    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = len(ANN)
        archive.addfile(member, io.BytesIO(ANN.encode()))
    return sink.getvalue()


# Archives


@pytest.mark.parametrize(
    ("flags", "extra"),
    [
        (0x08, b"name.csv\x00"),
        (0x10, b"comment\x00"),
        (0x04, b"\x03\x00abc"),
        (0x02, b"\x12\x34"),
        (0x1E, b"\x03\x00abcname\x00comment\x00\x12\x34"),
    ],
)
def test_gzip_keeps_its_whole_header(flags: int, extra: bytes) -> None:
    plain = gzip.compress(b"x", mtime=77)
    header = plain[:3] + bytes([flags]) + plain[4:10] + extra

    made = replace_in_gzip(header + plain[10:], b"other")

    assert made.startswith(header)
    if flags != 0x02 and flags != 0x1E:
        assert gzip.decompress(made) == b"other"


def packed(names: list[str], prefix: bytes = b"") -> bytes:
    sink = io.BytesIO(prefix)
    sink.seek(0, io.SEEK_END)
    with zipfile.ZipFile(sink, "a") as archive:
        archive.comment = b"a comment"
        for number, name in enumerate(names):
            member = zipfile.ZipInfo(name, (2001, 2, 3, 4, 5, 6))
            member.comment = name.encode()
            member.compress_type = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            member.external_attr = 0o640 << 16
            text = f"dear {ANN} " if name.startswith("theirs") else f"{name} stays"
            archive.writestr(member, text * 9)
    return sink.getvalue()


@pytest.mark.parametrize("prefix", [b"", b"#!/bin/sh\nexit\n"])
@pytest.mark.parametrize(
    "names", [["a", "theirs", "b"], ["theirs", "a"], ["a", "b", "theirs"], ["theirs", "theirs2"]]
)
def test_members_of_a_zip_stay_in_order_with_dates_comments_and_bytes(
    names: list[str], prefix: bytes
) -> None:
    content = packed(names, prefix)

    made = remove_person("a.zip", content, TERMS)

    assert made.startswith(prefix)
    before = zipfile.ZipFile(io.BytesIO(content))
    after = zipfile.ZipFile(io.BytesIO(made))
    assert after.testzip() is None
    assert after.comment == b"a comment"
    for old, new in zip(before.infolist(), after.infolist(), strict=True):
        assert (old.filename, old.date_time, old.comment) == (
            new.filename,
            new.date_time,
            new.comment,
        )
        assert (old.external_attr, old.compress_type) == (new.external_attr, new.compress_type)
        is_theirs = old.filename.startswith("theirs")
        text = b"dear [erased] " * 9 if is_theirs else before.read(old)
        assert after.read(new) == text


def test_an_encrypted_member_is_copied() -> None:
    content = bytearray(packed(["a", "theirs"]))
    content[6] |= 1
    place = content.index(b"PK\x01\x02")
    content[place + 8] |= 1

    made = remove_person("a.zip", bytes(content), TERMS)

    assert search_content("a.zip", made, TERMS).unsearched == ("encrypted zip",)
    assert made[:40] == content[:40]


@pytest.mark.parametrize("content", [b"PK\x05\x06" + bytes(18), b"PK\x03\x04"])
def test_an_archive_without_members_is_not_rewritten(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        remove_from_zip(content, lambda _, inner: inner)


def test_two_members_at_one_place_are_not_rewritten() -> None:
    content = packed(["a", "b"])
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 1)
    twin = content[:second] + content[first:second] + content[second + second - first :]

    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        remove_from_zip(twin, lambda _, inner: inner)


# Parquet


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def people() -> pa.Table:
    fields = {
        "email": pa.array([ANN, "bob@example.org", None, "eve@example.org"]),
        "note": pa.array(["x", f"of {ANN}", "", None]),
        "income": pa.array([1.5, 2.25, None, 4.0]),
        "code": pa.array(["A", "B", "A", f"at {ANN}"]).dictionary_encode(),
        "many": pa.array([["x"], [f"of {ANN}", "y"], None, []]),
        "pair": pa.array([{"a": "x", "b": 1}, {"a": "y", "b": 2}, None, {"a": ANN + "!", "b": 3}]),
        "bytes": pa.array([b"x", f"of {ANN}".encode(), None, b""]),
        "words": pa.array(
            [[("k", "x")], [("k", ANN + "?")], None, []], pa.map_(pa.string(), pa.string())
        ),
    }
    return pa.table(fields).replace_schema_metadata({"by": "nobody", "of": f"of {ANN}"})


@pytest.mark.parametrize("compression", ["snappy", "zstd", "gzip", "none"])
def test_rows_of_parquet_go_and_others_are_masked_only(compression: str) -> None:
    content = written(people(), compression=compression, row_group_size=2)

    made = remove_person("a.parquet", content, TERMS)

    assert ANN.encode() not in made
    before = pq.ParquetFile(io.BytesIO(content))
    after = pq.ParquetFile(io.BytesIO(made))
    assert after.schema_arrow.equals(before.schema_arrow)
    assert after.schema_arrow.metadata == {b"by": b"nobody", b"of": b"of [erased]"}
    assert [after.metadata.row_group(n).num_rows for n in range(2)] == [1, 2]
    groups = (before.metadata.row_group(0), after.metadata.row_group(0))
    assert len({group.column(2).compression for group in groups}) == 1

    rows = after.read().to_pylist()
    expected = people().to_pylist()[1:]
    expected[0] |= {"note": "of [erased]", "bytes": b"of [erased]", "many": ["of [erased]", "y"]}
    expected[0]["words"] = [("k", "[erased]?")]
    expected[2] |= {"code": "at [erased]", "pair": {"a": "[erased]!", "b": 3}}
    assert rows == expected


def test_of_a_dictionary_no_value_stays_that_no_row_has() -> None:
    table = pa.table({"e": pa.array([ANN, "bob", ANN]).dictionary_encode(), "n": [1, 2, 3]})

    made = remove_person("a.parquet", written(table), TERMS)

    assert ANN.encode() not in made
    assert pq.read_table(io.BytesIO(made)).to_pylist() == [{"e": "bob", "n": 2}]


def test_a_table_of_pandas_keeps_its_index_and_types() -> None:
    frame = pd.DataFrame({"e": [ANN, "bob", "eve"], "n": [1, 2, 3]}, index=["x", "y", "z"])
    frame["day"] = pd.to_datetime(["2026-01-01"] * 3)
    frame["kind"] = pd.Categorical(["a", "b", "a"])
    sink = io.BytesIO()
    frame.to_parquet(sink)

    made = pd.read_parquet(io.BytesIO(remove_person("a", sink.getvalue(), TERMS)))

    pd.testing.assert_frame_equal(made, frame.iloc[1:], check_categorical=False)


def test_a_table_without_them_comes_back_with_every_value() -> None:
    table = pa.table({"e": ["bob"]})

    assert pq.read_table(io.BytesIO(remove_person("a", written(table), TERMS))).equals(table)
    empty = written(pa.table({"e": pa.array([], pa.string())}))
    assert pq.read_table(io.BytesIO(remove_person("a", empty, TERMS))).num_rows == 0


def test_a_table_without_row_groups_stays_one() -> None:
    sink = io.BytesIO()
    schema = pa.schema([("e", pa.string())], {"of": f"of {ANN}"})
    pq.ParquetWriter(sink, schema).close()

    made = remove_person("a", sink.getvalue(), TERMS)

    assert pq.read_table(io.BytesIO(made)).schema.metadata == {b"of": b"of [erased]"}


def test_when_all_rows_go_the_schema_stays() -> None:
    made = remove_person("a", written(pa.table({"e": [ANN, ANN]})), TERMS)

    assert pq.read_table(io.BytesIO(made)).schema.names == ["e"]


# Edits


def test_edits_that_overlap_mask_all_that_either_does() -> None:
    edits = [Edit(1, 4, b"x"), Edit(3, 6, b"y"), Edit(2, 3), Edit(1, 2, b"z"), Edit(8, 9)]

    assert apply_edits(b"0123456789", edits) == b"0x679"


# Whoever it is about: nobody else's bytes move

WORDS = st.text(alphabet="abcXYZ 0189äß\"'\\,;:{}[]<>&%=\n\t", max_size=24)
CELLS = st.one_of(WORDS, st.integers(-99, 99), st.none(), st.floats(allow_nan=False, width=16))


@st.composite
def record(draw: st.DrawFn) -> dict[str, Any]:
    return {"who": draw(WORDS), "n": draw(CELLS), "more": draw(st.lists(CELLS, max_size=3))}


@given(st.lists(record(), max_size=6), st.lists(st.integers(0, 6), max_size=3), st.booleans())
def test_erasing_a_person_moves_no_byte_of_others_in_json(
    others: list[dict[str, Any]], places: list[int], is_lines: bool
) -> None:
    dumps = [json.dumps(other, ensure_ascii=is_lines) for other in others]
    mixed = list(dumps)
    for place in places:
        mixed.insert(place, json.dumps({"who": ANN, "n": 1}))

    if is_lines:
        made = clean("a.jsonl", "".join(f"{line}\n" for line in mixed))
        assert made == "".join(f"{line}\n" for line in dumps)
    else:
        assert clean("a.json", f"[{',  '.join(mixed)}]") == f"[{',  '.join(dumps)}]"


@given(st.lists(st.lists(WORDS, min_size=2, max_size=2), max_size=6), st.integers(0, 6))
def test_erasing_a_person_moves_no_byte_of_others_in_csv(rows: list[list[str]], place: int) -> None:
    def line(cells: list[str]) -> str:
        quoted = (cell.replace('"', '""') for cell in cells)
        return ",".join(f'"{cell}"' for cell in quoted) + "\r\n"

    lines = [line(row) for row in rows]
    mixed = [*lines[:place], f"{ANN},1\r\n", *lines[place:]]

    assert clean("a.csv", "who,n\r\n" + "".join(mixed)) == "who,n\r\n" + "".join(lines)


@given(
    st.lists(WORDS, max_size=6), st.integers(0, 6), st.sampled_from(["utf-8", "utf-16", "utf-32"])
)
def test_erasing_a_person_moves_no_byte_of_others_in_texts(
    lines: list[str], place: int, charset: str
) -> None:
    text = "\n".join([*lines[:place], f"dear {ANN}, hello", *lines[place:]])

    assert clean("a.txt", text, charset) == text.replace(ANN, "[erased]")


def test_a_database_file_is_left_to_a_person() -> None:
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE a (b TEXT)")
    made.execute("INSERT INTO a VALUES (?)", (ANN,))
    made.commit()
    content = made.serialize()
    made.close()

    assert holds_person("a.db", content, TERMS)
    with pytest.raises(CannotMaskError):
        remove_person("a.db", content, TERMS)
