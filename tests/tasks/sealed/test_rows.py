"""Seal, mutate, demand refusal: no byte may change, no row may move, none may be left out."""

import hashlib
import multiprocessing
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import SealError
from tasks.keystore.keys import ErasedError, KeyStore, open_keys
from tasks.keystore.shredding import shred
from tasks.keystore.tombstone_events import set_tombstones
from tasks.sealed import SealedWriter, iter_rows, read_rows, write_rows
from tasks.sealed.packing import Layout, pack
from tests.installations import installation_at


@pytest.fixture
def keys(home: Path) -> KeyStore:
    return open_keys(installation_at(Path()))


def frame(rows: int = 7) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject": [f"{i % 5:032x}" for i in range(rows)],
            "number": np.arange(rows, dtype=np.int64),
            "ratio": [np.nan if i == 2 else i / 3 for i in range(rows)],
            "flag": [i % 2 == 0 for i in range(rows)],
            "maybe": pd.array([None if i == 1 else i for i in range(rows)], dtype="Int64"),
            "text": pd.array(
                [None if i == 3 else "" if i == 4 else f"née {i} 🙂" for i in range(rows)],
                dtype="str",
            ),
            "day": pd.to_datetime(["2026-01-01"] * rows),
        }
    )


def test_what_is_sealed_comes_back_exactly_with_its_types(tmp_path: Path, keys: KeyStore) -> None:
    write_rows(frame(), tmp_path / "a", dataset="loan/x", keys=keys)
    opened = read_rows(tmp_path / "a", dataset="loan/x", keys=keys)
    pd.testing.assert_frame_equal(opened.frame, frame())
    assert (opened.unsealed, opened.shredded) == (7, 0)


@pytest.mark.parametrize("rows", [0, 1])
def test_an_empty_and_a_tiny_frame_come_back(tmp_path: Path, keys: KeyStore, rows: int) -> None:
    write_rows(frame(rows), tmp_path / "a", dataset="d", keys=keys)
    pd.testing.assert_frame_equal(
        read_rows(tmp_path / "a", dataset="d", keys=keys).frame, frame(rows)
    )


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(st.one_of(st.none(), st.text(max_size=40)), min_size=1, max_size=20),
    number=st.floats(width=64),
)
def test_any_text_and_any_number_come_back(
    tmp_path: Path, keys: KeyStore, texts: list[str | None], number: float
) -> None:
    given_rows = pd.DataFrame(
        {"subject": ["a"] * len(texts), "t": pd.array(texts, dtype="str"), "n": number}
    )
    write_rows(given_rows, tmp_path / "h", dataset="d", keys=keys)
    pd.testing.assert_frame_equal(
        read_rows(tmp_path / "h", dataset="d", keys=keys).frame, given_rows
    )


def test_a_rerun_writes_the_same_bytes_and_another_dataset_other_ones(
    tmp_path: Path, keys: KeyStore
) -> None:
    for name, dataset in (("a", "x"), ("b", "x"), ("c", "y")):
        write_rows(frame(), tmp_path / name, dataset=dataset, keys=keys)
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_chunks_write_what_one_piece_writes_row_for_row(tmp_path: Path, keys: KeyStore) -> None:
    with SealedWriter(tmp_path / "a", dataset="d", keys=keys) as writer:
        writer.write(frame(9).iloc[:4])
        writer.write(frame(9).iloc[4:])
    parts = [part.frame for part in iter_rows(tmp_path / "a", dataset="d", keys=keys)]
    assert len(parts) == 2
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), frame(9))


@pytest.mark.parametrize("columns", [None, ("text", "subject")])
def test_rows_opened_some_at_a_time_are_those_opened_at_once(
    tmp_path: Path,
    keys: KeyStore,
    monkeypatch: pytest.MonkeyPatch,
    columns: tuple[str, ...] | None,
) -> None:
    path = tmp_path / "rows.parquet"
    with SealedWriter(path, dataset="d", keys=keys) as writer:
        for part in (frame(7), frame(1), frame(5)):
            writer.write(part)
    shred(keys, [f"{1:032x}"], date(2026, 1, 1))
    at_once = read_rows(path, dataset="d", keys=keys, columns=columns)
    monkeypatch.setattr("tasks.sealed.rows.SLICE_ROWS", 2)
    by_two = read_rows(path, dataset="d", keys=keys, columns=columns)
    pd.testing.assert_frame_equal(by_two.frame, at_once.frame)
    assert (by_two.unsealed, by_two.shredded, by_two.people_shredded) == (
        at_once.unsealed,
        at_once.shredded,
        at_once.people_shredded,
    )
    assert at_once.shredded > 0


def test_nothing_readable_is_in_the_file(tmp_path: Path, keys: KeyStore) -> None:
    secret = frame().assign(text=pd.array(["Rumpelstiltskin"] * 7, dtype="str"))
    write_rows(secret, tmp_path / "a", dataset="d", keys=keys)
    assert b"Rumpelstiltskin" not in (tmp_path / "a").read_bytes()


def test_every_flipped_byte_is_refused_or_changes_nothing(tmp_path: Path, keys: KeyStore) -> None:
    path = tmp_path / "a"
    write_rows(frame(), path, dataset="d", keys=keys)
    whole = path.read_bytes()
    for position in range(0, len(whole), 13):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        try:
            opened = read_rows(path, dataset="d", keys=keys)
        except SealError:
            continue
        pd.testing.assert_frame_equal(
            opened.frame, frame()
        )  # a byte that the format itself ignores


@pytest.mark.parametrize("change", ["swap", "drop", "repeat"])
def test_a_row_that_was_moved_left_out_or_repeated_is_refused(
    tmp_path: Path, keys: KeyStore, change: str
) -> None:
    write_rows(frame(), tmp_path / "a", dataset="d", keys=keys)
    table = pq.read_table(tmp_path / "a")
    order = {
        "swap": [1, 0, 2, 3, 4, 5, 6],
        "drop": [0, 1, 2, 3, 4, 5],
        "repeat": [0, 0, 1, 2, 3, 4, 5],
    }[change]
    metadata = pq.ParquetFile(tmp_path / "a").metadata.metadata
    pq.write_table(table.take(order).replace_schema_metadata(metadata), tmp_path / "a")
    with pytest.raises(SealError):
        read_rows(tmp_path / "a", dataset="d", keys=keys)


def test_a_dataset_under_another_name_is_refused(tmp_path: Path, keys: KeyStore) -> None:
    write_rows(frame(), tmp_path / "a", dataset="loan/raw", keys=keys)
    with pytest.raises(SealError, match="loan/redacted"):
        read_rows(tmp_path / "a", dataset="loan/redacted", keys=keys)


@pytest.mark.parametrize("cut", [0, 10, -1])
def test_a_cut_file_is_refused(tmp_path: Path, keys: KeyStore, cut: int) -> None:
    write_rows(frame(), tmp_path / "a", dataset="d", keys=keys)
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:cut])
    with pytest.raises(SealError):
        read_rows(tmp_path / "a", dataset="d", keys=keys)


def test_another_installation_cannot_read_it(
    tmp_path: Path, keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(frame(), tmp_path / "a", dataset="d", keys=keys)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(SealError):
        read_rows(tmp_path / "a", dataset="d", keys=open_keys(installation_at(Path())))


def test_rows_without_a_subject_are_not_sealed(tmp_path: Path, keys: KeyStore) -> None:
    with pytest.raises(SealError, match="subject"):
        write_rows(frame().drop(columns="subject"), tmp_path / "a", dataset="d", keys=keys)


def test_a_destroyed_key_shreds_its_rows_in_every_file_and_no_others(
    tmp_path: Path, keys: KeyStore
) -> None:
    for name in ("a", "b"):
        write_rows(frame(), tmp_path / name, dataset=name, keys=keys)
    shred(keys, [f"{1:032x}"], date(2026, 1, 1))
    for name in ("a", "b"):
        opened = read_rows(tmp_path / name, dataset=name, keys=keys)
        assert (opened.unsealed, opened.shredded) == (5, 2)
        assert f"{1:032x}" not in set(opened.frame["subject"])


def _ask(home: str, queue: "multiprocessing.Queue[list[bytes]]") -> None:
    import os

    os.environ["PORTCULLIS_HOME"] = home
    found = open_keys(installation_at(Path())).for_subjects([f"s{i}" for i in range(200)])
    queue.put([found[f"s{i}"].key_id for i in range(200)])


def test_two_processes_that_need_new_keys_at_once_get_the_same_ones(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_ask, args=(str(tmp_path / "home"), queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    first, second = queue.get(timeout=60), queue.get(timeout=60)
    for worker in workers:
        worker.join()
    assert first == second


def test_the_bytes_of_a_row_follow_from_the_format_alone(tmp_path: Path, keys: KeyStore) -> None:
    """By the format's own words, without the writer: what was sealed yesterday opens today."""
    rows = frame(12).sample(frac=1, random_state=1, ignore_index=True)
    write_rows(rows, tmp_path / "a", dataset="d", keys=keys)
    table = pq.read_table(tmp_path / "a")
    layout = Layout.of(rows)
    key_of = keys.for_subjects(rows["subject"])

    for place, (subject, row) in enumerate(zip(rows["subject"], pack(rows, layout), strict=True)):
        key = key_of[subject]
        words = b"portcullis row v1\x00d\x00" + layout.to_json()
        data = hashlib.sha256(words).digest() + key.key_id + place.to_bytes(8)
        nonce = hashlib.blake2b(data + row, key=key.nonce_key, digest_size=12).digest()
        assert table["key"][place].as_py() == key.key_id
        assert table["row"][place].as_py() == nonce + key.cipher.encrypt(nonce, row, data)


@pytest.mark.parametrize("rows_a_person", [1, 2, 3])
def test_rows_come_back_however_many_a_person_has(
    tmp_path: Path, keys: KeyStore, rows_a_person: int
) -> None:
    rows = frame(30)
    rows["subject"] = [f"{i // rows_a_person:032x}" for i in range(30)]
    rows = rows.sample(frac=1, random_state=1, ignore_index=True)
    write_rows(rows, tmp_path / "a", dataset="d", keys=keys)
    shred(keys, ["3".rjust(32, "0")], date(2026, 11, 28))

    opened = read_rows(tmp_path / "a", dataset="d", keys=keys)
    left = rows[rows["subject"] != "3".rjust(32, "0")].reset_index(drop=True)
    pd.testing.assert_frame_equal(opened.frame, left)
    assert (opened.shredded, opened.people_shredded) == (rows_a_person, 1)


def test_nobody_erased_between_two_row_groups_is_sealed_into_the_second(
    tmp_path: Path, keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are looked up for many groups at once, and again where one was destroyed meanwhile."""
    monkeypatch.setattr("tasks.sealed.rows.CHUNK_ROWS", 4)
    packed: list[int] = []

    def erase_after_the_first(rows: pd.DataFrame, layout: Layout) -> list[bytes]:
        packed.append(len(rows))
        if len(packed) == 1:
            other = open_keys(installation_at(Path()))
            set_tombstones(other, [f"{1:032x}"], date(2026, 11, 28))
            shred(other, [f"{1:032x}"], date(2026, 11, 28))
        return pack(rows, layout)

    monkeypatch.setattr("tasks.sealed.rows.pack", erase_after_the_first)
    with pytest.raises(ErasedError, match="1 such subjects"):
        write_rows(frame(12), tmp_path / "a", dataset="d", keys=keys)
    assert packed == [4]
