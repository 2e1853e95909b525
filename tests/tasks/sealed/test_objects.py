"""A sealed file from outside: which it is, whose rows it holds, and some of them unsealed."""

import io
import os
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import SealError
from tasks.keystore.keys import KeyStore, SubjectKey
from tasks.keystore.shredding import shred
from tasks.sealed.objects import FEW_IDS, SealedFile, is_sealed
from tasks.sealed.rows import LAYOUT, SealedWriter, write_rows

SUBJECTS = [f"{number:032x}" for number in range(3)]


@pytest.fixture
def sealed_path(tmp_path: Path, people: pd.DataFrame, store: KeyStore) -> Path:
    """Three row groups of two rows each."""
    path = tmp_path / "rows.parquet"
    with SealedWriter(path, dataset="loan/redact/rows", keys=store) as writer:
        for start in (0, 2, 4):
            writer.write(people.iloc[start : start + 2])
    return path


def ids(store: KeyStore) -> list[bytes]:
    keys = store.for_subjects(SUBJECTS)
    return [keys[subject].key_id for subject in SUBJECTS]


def rewrite(path: Path, table: pa.Table) -> None:
    """Write a table in place of a sealed file's, under its metadata."""
    metadata = pq.ParquetFile(path).metadata.metadata
    pq.write_table(table.replace_schema_metadata(metadata), path)


# What a file says about itself


def test_a_sealed_file_names_its_dataset_and_counts_its_rows(sealed_path: Path) -> None:
    sealed = SealedFile.open(sealed_path)
    assert sealed.dataset == "loan/redact/rows"
    assert sealed.rows == 6


def test_a_sealed_file_is_opened_from_bytes(sealed_path: Path) -> None:
    sealed = SealedFile.open(io.BytesIO(sealed_path.read_bytes()), "an object of a bucket")
    assert sealed.rows == 6
    assert sealed.shown == "an object of a bucket"


def test_the_same_rows_under_another_dataset_have_another_code(
    sealed_path: Path, tmp_path: Path, people: pd.DataFrame, store: KeyStore
) -> None:
    write_rows(people, tmp_path / "other", dataset="loan/train/rows", keys=store)
    assert SealedFile.open(sealed_path).code != SealedFile.open(tmp_path / "other").code


def test_a_copy_has_the_same_code(sealed_path: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(sealed_path.read_bytes())
    assert SealedFile.open(tmp_path / "copy").code == SealedFile.open(sealed_path).code


def test_parquet_that_is_not_sealed_is_refused(tmp_path: Path, people: pd.DataFrame) -> None:
    people.to_parquet(tmp_path / "plain")
    with pytest.raises(SealError, match="expected a sealed dataset; found KeyError"):
        SealedFile.open(tmp_path / "plain")


@pytest.mark.parametrize("layout", [b"5", b"[[]]", b"[" * 100_000])
def test_a_file_with_our_words_and_no_layout_is_no_sealed_one(
    sealed_path: Path, layout: bytes
) -> None:
    """Anybody's Parquet file may lie where an erasure searches; none may stop it."""
    metadata = pq.ParquetFile(sealed_path).metadata.metadata
    table = pq.read_table(sealed_path).replace_schema_metadata({**metadata, LAYOUT: layout})
    pq.write_table(table, sealed_path)
    with pytest.raises(SealError, match="expected a sealed dataset"):
        SealedFile.open(sealed_path)


@pytest.mark.parametrize("name", ["key", "row"])
def test_a_file_with_our_words_and_without_our_columns_is_no_sealed_one(
    sealed_path: Path, name: str
) -> None:
    rewrite(sealed_path, pq.read_table(sealed_path).drop_columns([name]))
    with pytest.raises(SealError, match="expected a sealed dataset"):
        SealedFile.open(sealed_path)


def test_a_sealed_file_with_a_column_in_clear_is_no_sealed_one(sealed_path: Path) -> None:
    """An erasure passes over sealed files: what stands beside the rows would never be searched."""
    table = pq.read_table(sealed_path)
    rewrite(sealed_path, table.append_column("email", pa.array(["ann@example.org"] * len(table))))
    with pytest.raises(SealError, match="expected a sealed dataset"):
        SealedFile.open(sealed_path)


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_a_cut_file_is_refused(sealed_path: Path, length: int) -> None:
    sealed_path.write_bytes(sealed_path.read_bytes()[:length])
    with pytest.raises(SealError, match=r"rows\.parquet"):
        SealedFile.open(sealed_path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="FileNotFoundError"):
        SealedFile.open(tmp_path / "absent")


def test_a_file_whose_writer_failed_is_no_sealed_file(
    tmp_path: Path, people: pd.DataFrame, store: KeyStore
) -> None:
    writer = SealedWriter(tmp_path / "half", dataset="d", keys=store)
    writer.write(people)
    writer.__exit__(ValueError, ValueError(), None)
    with pytest.raises(SealError, match="KeyError"):
        SealedFile.open(tmp_path / "half")


def test_a_sealed_file_is_recognised_by_its_ends(sealed_path: Path) -> None:
    content = sealed_path.read_bytes()
    assert is_sealed(content[:4], content[-4096:])


def test_another_parquet_file_is_not_taken_for_a_sealed_one(
    tmp_path: Path, people: pd.DataFrame
) -> None:
    people.to_parquet(tmp_path / "plain")
    content = (tmp_path / "plain").read_bytes()
    assert not is_sealed(content[:4], content[-4096:])


def test_a_text_about_sealed_files_is_not_taken_for_one() -> None:
    assert not is_sealed(b"Why ", b"portcullis.dataset and portcullis.mac are its keys")


# Whose rows, and where


def test_a_file_holds_the_rows_of_its_subjects_and_of_nobody_else(
    sealed_path: Path, store: KeyStore
) -> None:
    assert SealedFile.open(sealed_path).key_ids() == set(ids(store))


def test_an_empty_file_holds_nobody(tmp_path: Path, people: pd.DataFrame, store: KeyStore) -> None:
    write_rows(people.iloc[:0], tmp_path / "empty", dataset="d", keys=store)
    sealed = SealedFile.open(tmp_path / "empty")
    assert sealed.rows == 0
    assert sealed.key_ids() == set()
    assert sealed.places([b"i" * 16]) == {}


def test_the_places_of_a_subject_count_over_all_row_groups(
    sealed_path: Path, store: KeyStore
) -> None:
    first = ids(store)[0]
    assert SealedFile.open(sealed_path).places([first]) == {first: [0, 3]}


def test_every_one_of_several_subjects_has_places_of_its_own(
    sealed_path: Path, store: KeyStore
) -> None:
    first, second, _ = ids(store)
    assert SealedFile.open(sealed_path).places([first, second]) == {
        first: [0, 3],
        second: [1, 4],
    }


def test_a_subject_without_rows_has_no_place(sealed_path: Path, store: KeyStore) -> None:
    first = ids(store)[0]
    assert SealedFile.open(sealed_path).places([b"i" * 16]) == {}
    assert set(SealedFile.open(sealed_path).places([b"i" * 16, first])) == {first}


def test_nobody_wanted_has_no_place(sealed_path: Path) -> None:
    assert SealedFile.open(sealed_path).places([]) == {}


@pytest.mark.parametrize("company", [[], [b"i" * 16]], ids=["alone", "in company"])
def test_an_id_that_only_begins_like_another_has_no_place(
    sealed_path: Path, store: KeyStore, company: list[bytes]
) -> None:
    """Ids are compared by their first half first."""
    similar = ids(store)[0][:8] + b"x" * 8
    assert SealedFile.open(sealed_path).places([similar, *company]) == {}


def test_many_ids_are_found_as_few_are(sealed_path: Path, store: KeyStore, tmp_path: Path) -> None:
    """Few are looked for among bytes, many in the decoded column."""
    others = [number.to_bytes(16) for number in range(FEW_IDS)]
    wanted = [*ids(store), *others]
    found = SealedFile.open(sealed_path).places(wanted)
    one_by_one = [SealedFile.open(sealed_path).places([key_id]) for key_id in wanted]

    assert len(found) == len(ids(store))
    assert found == {key_id: rows for one in one_by_one for key_id, rows in one.items()}


@pytest.mark.parametrize(
    "written",
    [{"compression": "snappy"}, {"use_dictionary": True}],
    ids=["compressed", "dictionary"],
)
def test_ids_are_found_however_their_column_is_encoded(
    sealed_path: Path, store: KeyStore, tmp_path: Path, written: dict[str, Any]
) -> None:
    metadata = pq.ParquetFile(sealed_path).metadata.metadata
    table = pq.read_table(sealed_path).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "other", **written)
    first = ids(store)[0]

    assert SealedFile.open(tmp_path / "other").places([first]) == {first: [0, 3]}


def test_ids_are_found_in_a_stream(sealed_path: Path, store: KeyStore) -> None:
    first = ids(store)[0]
    with sealed_path.open("rb") as stream:
        assert SealedFile.open(stream).places([first]) == {first: [0, 3]}


def test_a_file_that_is_cut_short_meanwhile_is_no_file_without_them(
    sealed_path: Path, store: KeyStore
) -> None:
    sealed = SealedFile.open(sealed_path)
    os.truncate(sealed_path, 8)

    with pytest.raises(SealError, match="a whole row group 0"):
        sealed.places([ids(store)[0]])


def test_ids_outlive_the_keys_that_they_name(sealed_path: Path, store: KeyStore) -> None:
    first = ids(store)[0]
    shred(store, SUBJECTS[:1], date(2026, 11, 24))
    assert SealedFile.open(sealed_path).places([first]) == {first: [0, 3]}


def test_ids_of_another_length_are_refused(sealed_path: Path) -> None:
    table = pq.read_table(sealed_path)
    short = pa.array([key[:8] for key in table["key"].to_pylist()], pa.binary(8))
    rewrite(sealed_path, table.set_column(0, "key", short))
    with pytest.raises(SealError, match="expected key ids"):
        SealedFile.open(sealed_path).key_ids()


# Some rows unsealed


def test_rows_are_unsealed_at_their_places(
    sealed_path: Path, people: pd.DataFrame, store: KeyStore
) -> None:
    frame = SealedFile.open(sealed_path).unseal([1, 4], store.by_id(ids(store)))
    pd.testing.assert_frame_equal(frame, people.iloc[[1, 4]].reset_index(drop=True))


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"compression": "none", "use_dictionary": False},
        {"compression": "none", "use_dictionary": False, "data_page_version": "2.0"},
    ],
    ids=["as Arrow does", "plain", "pages of version 2"],
)
@pytest.mark.parametrize("is_nullable", [False, True], ids=["required", "nullable"])
def test_rows_are_unsealed_however_their_columns_are_stored(
    sealed_path: Path,
    people: pd.DataFrame,
    store: KeyStore,
    tmp_path: Path,
    written: dict[str, Any],
    is_nullable: bool,
) -> None:
    table = pq.read_table(sealed_path)
    fields = [field.with_nullable(is_nullable) for field in table.schema]
    schema = pa.schema(fields, pq.ParquetFile(sealed_path).metadata.metadata)
    pq.write_table(table.cast(schema), tmp_path / "other", **written)

    # Few of a group are read from their pages; more, and those of a stream, are decoded.
    for places in ([1, 4], list(range(6))):
        expected = people.iloc[places].reset_index(drop=True)
        with (tmp_path / "other").open("rb") as stream:
            for sealed in (SealedFile.open(tmp_path / "other"), SealedFile.open(stream)):
                frame = sealed.unseal(places, store.by_id(ids(store)))
                pd.testing.assert_frame_equal(frame, expected)


def test_a_row_whose_key_is_not_handed_over_stays_sealed(
    sealed_path: Path, store: KeyStore
) -> None:
    first = ids(store)[0]
    frame = SealedFile.open(sealed_path).unseal(range(6), store.by_id([first]))
    assert frame["income"].tolist() == [0, 3]


def test_no_place_gives_an_empty_frame_of_the_same_columns(
    sealed_path: Path, people: pd.DataFrame, store: KeyStore
) -> None:
    frame = SealedFile.open(sealed_path).unseal([], store.by_id(ids(store)))
    pd.testing.assert_frame_equal(frame, people.iloc[:0])


def test_the_key_of_one_subject_does_not_open_the_row_of_another(
    sealed_path: Path, store: KeyStore
) -> None:
    first, second, _ = ids(store)
    keys = store.by_id([first, second])
    with pytest.raises(SealError, match="row 0: expected the row that was sealed here"):
        SealedFile.open(sealed_path).unseal([0], {first: keys[second]})


def test_two_rows_of_one_subject_that_changed_places_are_refused(
    sealed_path: Path, store: KeyStore
) -> None:
    table = pq.read_table(sealed_path)
    rewrite(sealed_path, table.take([3, 1, 2, 0, 4, 5]))
    with pytest.raises(SealError, match="row 0"):
        SealedFile.open(sealed_path).unseal([0], store.by_id(ids(store)))


def test_an_altered_row_does_not_keep_the_others_from_being_unsealed(
    sealed_path: Path, store: KeyStore
) -> None:
    table = pq.read_table(sealed_path)
    rows = table["row"].to_pylist()
    rows[0] = rows[0][:-1] + bytes([rows[0][-1] ^ 1])
    rewrite(sealed_path, table.set_column(1, "row", pa.array(rows, pa.binary())))

    sealed = SealedFile.open(sealed_path)
    keys = store.by_id(ids(store))
    assert sealed.unseal(range(1, 6), keys)["income"].tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(SealError, match="an altered or moved one"):
        sealed.unseal([0], keys)


# Other people's rows


def test_others_rows_come_a_group_at_a_time_without_one_s_own(
    sealed_path: Path, people: pd.DataFrame, store: KeyStore
) -> None:
    own, *_ = ids(store)
    groups = list(SealedFile.open(sealed_path).iter_others([own], store.by_id_once))

    assert len(groups) == 3
    rows = pd.concat([frame for frame, _ in groups], ignore_index=True)
    others = people[people["subject"] != SUBJECTS[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, others)
    assert [closed for _, closed in groups] == [[], [], []]


def test_own_keys_are_not_even_asked_for_and_missing_ones_are_told(
    sealed_path: Path, store: KeyStore
) -> None:
    own, gone, _ = ids(store)
    shred(store, [SUBJECTS[1]], date(2026, 11, 24), {})
    asked: set[bytes] = set()

    def find_keys(wanted: set[bytes]) -> dict[bytes, SubjectKey]:
        asked.update(wanted)
        return store.by_id_once(wanted)

    groups = list(SealedFile.open(sealed_path).iter_others([own], find_keys))

    assert own not in asked
    assert {key_id for _, closed in groups for key_id in closed} == {gone}


def test_a_row_of_others_that_was_moved_is_refused(sealed_path: Path, store: KeyStore) -> None:
    table = pq.read_table(sealed_path)
    rewrite(sealed_path, table.take([1, 0, *range(2, len(table))]))
    with pytest.raises(SealError, match="an altered or moved one"):
        list(SealedFile.open(sealed_path).iter_others([], store.by_id_once))


def test_a_row_that_is_shorter_than_a_nonce_is_refused(sealed_path: Path, store: KeyStore) -> None:
    table = pq.read_table(sealed_path)
    rows = pa.array([b"short"] * len(table), pa.binary())
    rewrite(sealed_path, table.set_column(1, table.schema.field("row"), rows))
    with pytest.raises(SealError, match="an altered or moved one"):
        list(SealedFile.open(sealed_path).iter_others([], store.by_id_once))


def test_ids_of_a_group_that_does_not_parse_are_refused(sealed_path: Path) -> None:
    content = bytearray(sealed_path.read_bytes())
    content[4:200] = bytes(196)
    sealed_path.write_bytes(content)
    with pytest.raises(SealError, match="row group 0"):
        SealedFile.open(sealed_path).key_ids()


def test_a_group_that_does_not_parse_is_refused(sealed_path: Path, store: KeyStore) -> None:
    content = bytearray(sealed_path.read_bytes())
    content[4:200] = bytes(196)
    sealed_path.write_bytes(content)
    with pytest.raises(SealError, match="row group 0"):
        list(SealedFile.open(sealed_path).iter_others([], store.by_id_once))


def test_it_names_its_columns_of_texts(sealed_path: Path, people: pd.DataFrame) -> None:
    columns = SealedFile.open(sealed_path).text_columns
    assert "subject" in columns
    assert set(columns) < set(people.columns)
    assert set(SealedFile.open(sealed_path).columns) == set(people.columns)


def test_only_chosen_rows_of_others_are_unpacked(
    sealed_path: Path, people: pd.DataFrame, store: KeyStore
) -> None:
    sealed = SealedFile.open(sealed_path)
    rows_at_once: list[int] = []

    def keep_first(rows: list[bytes]) -> list[bytes]:
        rows_at_once.append(len(rows))
        return rows[:1]

    groups = list(sealed.iter_others([], store.by_id_once, keep_first))

    assert sum(rows_at_once) == len(people)
    assert [len(frame) for frame, _ in groups] == [1] * len(groups)
    pd.testing.assert_frame_equal(groups[0][0], people.iloc[:1])
