"""Rows in sealed files: what a writer refuses, what tampering meets, and who can read what."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import SealError
from tasks.keystore.custodians import Restriction, load_custodians
from tasks.keystore.keys import ErasedError, KeyStore, Retention, open_keys
from tasks.keystore.shredding import rotate_root, shred
from tasks.keystore.tombstone_events import set_tombstones
from tasks.sealed.packing import Layout
from tasks.sealed.rows import (
    DATASET,
    LAYOUT,
    MAC,
    NONCE_BYTES,
    TAG_BYTES,
    SealedWriter,
    bound_to,
    iter_rows,
    read_rows,
    write_rows,
)
from tests.installations import installation_at

DAY = date(2026, 11, 24)
SUBJECTS = [f"{number:032x}" for number in range(3)]
NAME = "loan/redact/rows"

Change = Callable[[list[bytes], list[bytes]], None]


@pytest.fixture
def path(tmp_path: Path, people: pd.DataFrame, store: KeyStore) -> Path:
    """The six rows of `people`, sealed."""
    write_rows(people, tmp_path / "rows", dataset=NAME, keys=store)
    return tmp_path / "rows"


def rewrite(path: Path, change: Change, **metadata: bytes) -> None:
    """Change the key ids and rows of a sealed file, and its metadata where it is given."""
    table = pq.read_table(path)
    ids = table["key"].to_pylist()
    rows = table["row"].to_pylist()
    change(ids, rows)

    words = dict(pq.ParquetFile(path).metadata.metadata)
    words |= {f"portcullis.{name}".encode(): value for name, value in metadata.items()}
    columns = [pa.array(ids, pa.binary(16)), pa.array(rows, pa.binary())]
    altered = pa.table(columns, names=["key", "row"]).replace_schema_metadata(words)
    pq.write_table(altered, path)


def change_nothing(ids: list[bytes], rows: list[bytes]) -> None:
    pass


def swap_nonces(ids: list[bytes], rows: list[bytes]) -> None:
    first, second = rows[:2]
    rows[0] = second[:NONCE_BYTES] + first[NONCE_BYTES:]
    rows[1] = first[:NONCE_BYTES] + second[NONCE_BYTES:]


def swap_ids(ids: list[bytes], rows: list[bytes]) -> None:
    ids[0], ids[1] = ids[1], ids[0]


def swap_rows_of_one_subject(ids: list[bytes], rows: list[bytes]) -> None:
    rows[0], rows[3] = rows[3], rows[0]


def swap_ciphertexts_under_their_tags(ids: list[bytes], rows: list[bytes]) -> None:
    first, second = rows[0], rows[3]
    rows[0] = second[:-TAG_BYTES] + first[-TAG_BYTES:]
    rows[3] = first[:-TAG_BYTES] + second[-TAG_BYTES:]


def flip_ciphertext(ids: list[bytes], rows: list[bytes]) -> None:
    position = NONCE_BYTES
    rows[2] = rows[2][:position] + bytes([rows[2][position] ^ 1]) + rows[2][position + 1 :]


def flip_tag(ids: list[bytes], rows: list[bytes]) -> None:
    rows[2] = rows[2][:-1] + bytes([rows[2][-1] ^ 1])


def cut_row_to_its_tag(ids: list[bytes], rows: list[bytes]) -> None:
    rows[2] = rows[2][-TAG_BYTES:]


def cut_row_below_its_tag(ids: list[bytes], rows: list[bytes]) -> None:
    rows[2] = rows[2][:3]


def leave_out_last_row(ids: list[bytes], rows: list[bytes]) -> None:
    ids.pop()
    rows.pop()


def leave_out_all_rows(ids: list[bytes], rows: list[bytes]) -> None:
    ids.clear()
    rows.clear()


def repeat_last_row(ids: list[bytes], rows: list[bytes]) -> None:
    ids.append(ids[-1])
    rows.append(rows[-1])


def name_nobody(ids: list[bytes], rows: list[bytes]) -> None:
    """Make a row look as if its subject had been erased."""
    ids[0] = b"i" * 16


# Tampering


@pytest.mark.parametrize(
    "change",
    [
        swap_nonces,
        swap_ids,
        swap_rows_of_one_subject,
        swap_ciphertexts_under_their_tags,
        flip_ciphertext,
        flip_tag,
        cut_row_to_its_tag,
        cut_row_below_its_tag,
        leave_out_last_row,
        leave_out_all_rows,
        repeat_last_row,
        name_nobody,
    ],
)
def test_a_file_with_other_rows_is_refused(path: Path, store: KeyStore, change: Change) -> None:
    rewrite(path, change)
    with pytest.raises(SealError):
        read_rows(path, dataset=NAME, keys=store)


@pytest.mark.parametrize("change", [flip_ciphertext, swap_ciphertexts_under_their_tags])
def test_a_row_that_was_altered_under_its_tag_is_named_by_its_place(
    path: Path, store: KeyStore, change: Change
) -> None:
    """The file's own code covers tags alone, so that the row's own seal has to notice."""
    rewrite(path, change)
    with pytest.raises(SealError, match=r"row [02]: expected the row that was sealed here"):
        read_rows(path, dataset=NAME, keys=store)


def test_a_file_that_was_only_written_anew_is_read(
    path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    rewrite(path, change_nothing)
    pd.testing.assert_frame_equal(read_rows(path, dataset=NAME, keys=store).frame, people)


def test_no_row_is_yielded_of_a_file_whose_last_row_was_left_out(
    path: Path, store: KeyStore
) -> None:
    rewrite(path, leave_out_last_row)
    parts = iter_rows(path, dataset=NAME, keys=store)
    with pytest.raises(SealError):
        next(parts)


def test_a_layout_with_another_name_of_a_column_is_refused(path: Path, store: KeyStore) -> None:
    layout = pq.ParquetFile(path).metadata.metadata[LAYOUT]
    rewrite(path, change_nothing, layout=layout.replace(b"income", b"outlay"))
    with pytest.raises(SealError, match="something else"):
        read_rows(path, dataset=NAME, keys=store)


@pytest.mark.parametrize("code", [b"", b"no hexadecimal", b"00" * 32])
def test_a_file_with_another_code_is_refused(path: Path, store: KeyStore, code: bytes) -> None:
    rewrite(path, change_nothing, mac=code)
    with pytest.raises(SealError, match="something else"):
        read_rows(path, dataset=NAME, keys=store)


def test_the_code_of_another_file_of_the_dataset_is_refused(
    path: Path, tmp_path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    write_rows(people.iloc[::-1], tmp_path / "other", dataset=NAME, keys=store)
    rewrite(path, change_nothing, mac=pq.ParquetFile(tmp_path / "other").metadata.metadata[MAC])
    with pytest.raises(SealError):
        read_rows(path, dataset=NAME, keys=store)


def test_the_name_in_the_file_is_not_trusted(path: Path, store: KeyStore) -> None:
    """Renaming a file inside does not make it another dataset."""
    rewrite(path, change_nothing, dataset=b"loan/train/rows")
    with pytest.raises(SealError, match="loan/train/rows"):
        read_rows(path, dataset="loan/train/rows", keys=store)


def test_a_column_in_clear_beside_the_rows_is_refused(path: Path, store: KeyStore) -> None:
    file = pq.ParquetFile(path)
    table = file.read().replace_schema_metadata(file.metadata.metadata)
    pq.write_table(table.append_column("email", pa.array(["x"] * len(table))), path)
    with pytest.raises(SealError, match="something else"):
        read_rows(path, dataset=NAME, keys=store)


def test_plain_parquet_is_refused(tmp_path: Path, store: KeyStore, people: pd.DataFrame) -> None:
    people.to_parquet(tmp_path / "plain")
    with pytest.raises(SealError, match="KeyError"):
        read_rows(tmp_path / "plain", dataset=NAME, keys=store)


def test_a_file_that_is_not_there_is_refused_with_what_to_do(
    tmp_path: Path, store: KeyStore
) -> None:
    with pytest.raises(SealError, match="dvc checkout"):
        read_rows(tmp_path / "absent", dataset=NAME, keys=store)


def test_a_store_with_the_same_keys_and_another_secret_of_files_refuses_it(
    path: Path, store: KeyStore, home: Path
) -> None:
    (home / "seal.key").write_text("ab" * 32)
    with pytest.raises(SealError):
        read_rows(path, dataset=NAME, keys=open_keys(installation_at(Path())))


def test_a_refusal_names_the_file_by_its_folder_and_quotes_no_value(
    path: Path, store: KeyStore
) -> None:
    rewrite(path, flip_ciphertext)
    with pytest.raises(SealError) as refusal:
        read_rows(path, dataset=NAME, keys=store)
    assert str(refusal.value).startswith(f"{path.parent.name}/rows, row 2")
    assert SUBJECTS[2] not in str(refusal.value)


# Writing


def test_a_row_without_a_subject_is_refused(
    tmp_path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    people.loc[2, "subject"] = None
    with pytest.raises(SealError, match="a `subject` for every row"):
        write_rows(people, tmp_path / "rows", dataset=NAME, keys=store)
    assert not (tmp_path / "rows").exists()


@pytest.mark.parametrize("change", ["dropped", "renamed", "retyped", "reordered"])
def test_a_chunk_with_other_columns_than_the_first_is_refused(
    tmp_path: Path, store: KeyStore, people: pd.DataFrame, change: str
) -> None:
    others = {
        "dropped": people.drop(columns="city"),
        "renamed": people.rename(columns={"city": "town"}),
        "retyped": people.astype({"income": "float64"}),
        "reordered": people[["subject", "city", "income"]],
    }
    writer = SealedWriter(tmp_path / "rows", dataset=NAME, keys=store)
    writer.write(people)
    with pytest.raises(SealError, match="the columns of the first chunk"):
        writer.write(others[change])
    writer.__exit__(SealError, None, None)


def test_a_writer_that_failed_leaves_a_file_that_nobody_reads(
    tmp_path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    writer = SealedWriter(tmp_path / "rows", dataset=NAME, keys=store)
    writer.write(people)
    writer.__exit__(ValueError, ValueError(), None)
    with pytest.raises(SealError):
        read_rows(tmp_path / "rows", dataset=NAME, keys=store)


def test_a_writer_that_was_handed_nothing_writes_no_file(tmp_path: Path, store: KeyStore) -> None:
    with SealedWriter(tmp_path / "rows", dataset=NAME, keys=store) as writer:
        pass
    assert writer.rows == 0
    assert not (tmp_path / "rows").exists()


def test_an_erased_subject_is_not_sealed_again(
    tmp_path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    set_tombstones(store, SUBJECTS[:1], DAY)
    with pytest.raises(ErasedError, match="1 such subjects"):
        write_rows(people, tmp_path / "rows", dataset=NAME, keys=store)


def test_a_piece_longer_than_a_chunk_becomes_several_row_groups(
    tmp_path: Path, store: KeyStore, people: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.sealed.rows.CHUNK_ROWS", 4)
    write_rows(people, tmp_path / "rows", dataset=NAME, keys=store)
    parts = list(iter_rows(tmp_path / "rows", dataset=NAME, keys=store))
    assert [part.unsealed for part in parts] == [4, 2]
    whole = pd.concat([part.frame for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(whole, people)


def test_equal_rows_of_one_subject_are_sealed_to_different_bytes(
    tmp_path: Path, store: KeyStore
) -> None:
    frame = pd.DataFrame({"subject": SUBJECTS[:1] * 2, "income": [7, 7]})
    write_rows(frame, tmp_path / "rows", dataset=NAME, keys=store)
    first, second = pq.read_table(tmp_path / "rows")["row"].to_pylist()
    assert first[:NONCE_BYTES] != second[:NONCE_BYTES]
    assert first[NONCE_BYTES:] != second[NONCE_BYTES:]


def test_a_row_that_stays_the_same_keeps_its_bytes_where_another_changes(
    path: Path, tmp_path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    people.loc[5, "income"] = 99
    write_rows(people, tmp_path / "other", dataset=NAME, keys=store)
    before = pq.read_table(path)["row"].to_pylist()
    after = pq.read_table(tmp_path / "other")["row"].to_pylist()
    assert after[:5] == before[:5]
    assert after[5][:NONCE_BYTES] != before[5][:NONCE_BYTES]


def test_pseudonyms_are_not_in_the_file(path: Path) -> None:
    assert not any(subject.encode() in path.read_bytes() for subject in SUBJECTS)


def test_the_file_says_of_itself_which_dataset_and_which_layout_it_has(
    path: Path, people: pd.DataFrame
) -> None:
    metadata = pq.ParquetFile(path).metadata.metadata
    assert metadata[DATASET] == NAME.encode()
    assert metadata[LAYOUT] == Layout.of(people).to_json()


def test_rows_are_bound_to_dataset_and_layout_with_a_boundary_between_them() -> None:
    assert bound_to("ab", b"c") != bound_to("a", b"bc")


# Reading


def test_columns_are_read_in_the_order_that_is_asked(
    path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    opened = read_rows(path, dataset=NAME, keys=store, columns=("city", "income"))
    pd.testing.assert_frame_equal(opened.frame, people[["city", "income"]])


def test_columns_are_read_of_an_empty_file(
    tmp_path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    write_rows(people.iloc[:0], tmp_path / "empty", dataset=NAME, keys=store)
    opened = read_rows(tmp_path / "empty", dataset=NAME, keys=store, columns=("city",))
    assert list(opened.frame.columns) == ["city"]
    assert (opened.unsealed, opened.shredded) == (0, 0)


def test_a_shredded_person_is_counted_once_over_all_row_groups(
    tmp_path: Path, store: KeyStore, people: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.sealed.rows.CHUNK_ROWS", 2)
    write_rows(people, tmp_path / "rows", dataset=NAME, keys=store)
    shred(store, SUBJECTS[:1], DAY)
    opened = read_rows(tmp_path / "rows", dataset=NAME, keys=store)
    assert (opened.unsealed, opened.shredded, opened.people_shredded) == (4, 2, 1)


def test_rows_beside_shredded_ones_come_back_as_they_were(
    path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    shred(store, SUBJECTS[:1], DAY)
    expected = people.iloc[[1, 2, 4, 5]].reset_index(drop=True)
    pd.testing.assert_frame_equal(read_rows(path, dataset=NAME, keys=store).frame, expected)


def test_a_file_whose_people_are_all_erased_is_whole_and_empty(
    path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    shred(store, SUBJECTS, DAY)
    opened = read_rows(path, dataset=NAME, keys=store)
    pd.testing.assert_frame_equal(opened.frame, people.iloc[:0])
    assert (opened.unsealed, opened.shredded, opened.people_shredded) == (0, 6, 3)


def test_erasing_changes_no_byte_of_a_file(path: Path, store: KeyStore) -> None:
    before = path.read_bytes()
    shred(store, SUBJECTS, DAY)
    assert path.read_bytes() == before


def test_a_file_with_shredded_rows_is_still_guarded_against_leaving_rows_out(
    path: Path, store: KeyStore
) -> None:
    shred(store, SUBJECTS[2:], DAY)
    rewrite(path, leave_out_last_row)
    with pytest.raises(SealError):
        read_rows(path, dataset=NAME, keys=store)


def test_a_rotation_of_the_root_key_leaves_every_row_readable(
    path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    rotate_root(store)
    reopened = open_keys(installation_at(Path()))
    pd.testing.assert_frame_equal(read_rows(path, dataset=NAME, keys=reopened).frame, people)


# Retention classes


def test_a_row_of_another_retention_class_has_another_key(
    path: Path, tmp_path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    write_rows(
        people,
        tmp_path / "reasons",
        dataset=NAME,
        keys=store,
        retention=Retention.DECISION_RECORD,
    )
    training = set(pq.read_table(path)["key"].to_pylist())
    reasons = set(pq.read_table(tmp_path / "reasons")["key"].to_pylist())
    assert len(training) == len(reasons) == 3
    assert training.isdisjoint(reasons)


def test_a_restricted_decision_record_is_counted_as_one_that_nobody_reads(
    tmp_path: Path, store: KeyStore, people: pd.DataFrame
) -> None:
    reasons = tmp_path / "reasons"
    write_rows(people, reasons, dataset=NAME, keys=store, retention=Retention.DECISION_RECORD)
    custodians = load_custodians(installation_at(Path()), allow_local=True)
    kept = Restriction("a law", date(2028, 1, 1), custodians)
    shred(store, SUBJECTS[:1], DAY, restrict={SUBJECTS[0]: kept})
    opened = read_rows(reasons, dataset=NAME, keys=store)
    assert (opened.unsealed, opened.shredded, opened.people_shredded) == (4, 2, 1)
