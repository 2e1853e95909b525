"""Discovery: every copy of every version, what identifies a person there, and nobody else."""

from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.erasure.searching.discovery import (
    Discovery,
    SubjectRows,
    discover_rows,
    read_identifying_values,
    read_subject_rows,
)
from tasks.erasure.searching.places import version_places
from tasks.erasure.searching.search_terms import PersonalValue
from tasks.errors import SealError
from tasks.keystore.keys import SubjectKey
from tests.tasks.erasure.small_installation import (
    CASE,
    PEOPLE,
    VERSIONS,
    SmallInstallation,
    email,
    name,
)


def keys_of(small_installation: SmallInstallation, *numbers: int) -> dict[bytes, SubjectKey]:
    keys = small_installation.keys
    subjects = [small_installation.subject(number) for number in numbers]
    return keys.by_id(key_id for subject in subjects for key_id in keys.ids_of(subject).values())


def discover(small_installation: SmallInstallation, key_ids: Collection[bytes]) -> Discovery:
    return discover_rows(version_places(small_installation.workspace), key_ids)


def identifying_values(small_installation: SmallInstallation, number: int) -> set[PersonalValue]:
    keys = keys_of(small_installation, number)
    versions = discover(small_installation, keys).versions()
    return read_identifying_values(versions, keys, small_installation.workspace)


def test_every_copy_is_found_and_every_version_counted_once(
    small_installation: SmallInstallation,
) -> None:
    discovery = discover(small_installation, keys_of(small_installation, 3))

    datasets = 3
    assert len(discovery.versions()) == datasets * VERSIONS
    # In the cache, in the remote, and the last version in the working tree, too.
    assert len(discovery.copies) == datasets * (VERSIONS * 2 + 1)


def test_somebody_with_fewer_rows_is_in_fewer_files(
    small_installation: SmallInstallation,
) -> None:
    discovery = discover(small_installation, keys_of(small_installation, PEOPLE - 1))

    datasets = {copy.dataset for copy in discovery.copies}
    assert datasets == {"tiny/ingest/rows", "tiny/redact/rows"}


def test_nobody_is_in_no_file_and_all_of_them_were_looked_at(
    small_installation: SmallInstallation,
) -> None:
    discovery = discover(small_installation, [])

    assert discovery.copies == ()
    assert discovery.sealed_files == 3 * (VERSIONS * 2 + 1)
    assert discovery.sealed_rows == (PEOPLE + PEOPLE + 10) * (VERSIONS * 2 + 1)


def test_a_file_in_plain_text_is_looked_at_and_not_counted_as_sealed(
    small_installation: SmallInstallation,
) -> None:
    before = discover(small_installation, [])
    (small_installation.workspace / "data" / "note.txt").write_text(email(3))

    after = discover(small_installation, [])

    assert after.files == before.files + 1
    assert after.sealed_files == before.sealed_files


def test_only_the_rows_whose_keys_are_there_are_read(
    small_installation: SmallInstallation,
) -> None:
    both = keys_of(small_installation, 3, 4)
    one = keys_of(small_installation, 3)
    ingested = [
        copy
        for copy in discover(small_installation, both).versions()
        if copy.dataset == "tiny/ingest/rows"
    ]

    frame = pd.concat(read_subject_rows(copy, one) for copy in ingested)

    assert set(frame["email"]) == {email(3)}
    assert sorted(frame["income"]) == [21.0, 22.0, 23.0]


def test_without_a_key_no_row_is_read(small_installation: SmallInstallation) -> None:
    (copy, *_) = discover(small_installation, keys_of(small_installation, 3)).copies

    assert read_subject_rows(copy, {}).empty


def test_a_file_that_was_replaced_meanwhile_has_no_rows(
    small_installation: SmallInstallation,
) -> None:
    keys = keys_of(small_installation, 3)
    (copy, *_) = discover(small_installation, keys).copies
    Path(copy.file.path).write_bytes(b"something else, and longer than twelve bytes")

    assert read_subject_rows(copy, keys).empty


def test_what_identifies_a_person_is_read_with_its_kind(
    small_installation: SmallInstallation,
) -> None:
    person = small_installation.subject(3)

    assert identifying_values(small_installation, 3) == {
        PersonalValue("pseudonym", person, person),
        PersonalValue("email", email(3), person),
        PersonalValue("name", name(3), person),
    }


def test_of_a_use_case_that_was_removed_columns_are_known_by_their_names(
    small_installation: SmallInstallation,
) -> None:
    for path in (small_installation.workspace / "configs" / CASE).iterdir():
        path.unlink()
    person = small_installation.subject(3)

    assert identifying_values(small_installation, 3) == {
        PersonalValue("pseudonym", person, person),
        PersonalValue("email", email(3), person),
        PersonalValue("name", name(3), person),
    }


def paths_of(copies: Iterable[SubjectRows]) -> list[Path]:
    return [Path(copy.file.path) for copy in copies]


def damage(path: Path) -> None:
    """Alter a byte of every row, and neither the key ids nor what the file says of itself."""
    file = pq.ParquetFile(path)
    rows = [row[:-1] + bytes([row[-1] ^ 1]) for row in file.read()["row"].to_pylist()]
    table = file.read().set_column(1, file.schema_arrow.field("row"), pa.array(rows, pa.binary()))
    pq.write_table(table.replace_schema_metadata(file.metadata.metadata), path)


def test_where_one_copy_is_damaged_another_says_what_identifies(
    small_installation: SmallInstallation,
) -> None:
    whole = identifying_values(small_installation, 3)
    keys = keys_of(small_installation, 3)
    copies = discover(small_installation, keys).copies
    first_paths = paths_of({copy.code: copy for copy in reversed(copies)}.values())
    for path in first_paths:
        damage(path)

    values = read_identifying_values(copies, keys, small_installation.workspace)
    assert values == whole

    for path in set(paths_of(copies)) - set(first_paths):
        damage(path)
    with pytest.raises(SealError, match="an altered or moved one"):
        read_identifying_values(copies, keys, small_installation.workspace)
