"""Who else carries a value is read from other people's rows, in columns that name them."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.erasure.searching import carriers
from tasks.erasure.searching.carriers import find_carriers
from tasks.erasure.searching.discovery import read_columns
from tasks.erasure.searching.places import StoredFile, version_places
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tasks.errors import SealError
from tests.cases import change_case
from tests.tasks.erasure.small_installation import CASE, SmallInstallation, email, name, write

NAMESAKES = (3, 4, 5)  # whom their rows call Ann Quarantine
ANN = PersonalValue("name", "Ann Quarantine", "a")
BORN = PersonalValue("date", "1980-03-01", "a")
DOCTOR = PersonalValue("phone", "+49 170 1234567", "a", is_mentioned=True)
ADDRESS = PersonalValue("street", "1 Quarantine Row", "a")
TERMS = SearchTerms.of([ANN, BORN, DOCTOR, ADDRESS])


@pytest.fixture
def namesakes(small_installation: SmallInstallation) -> SmallInstallation:
    """Three people of one name, two of one day of birth, and notes about others."""

    def declare(values: dict[str, Any]) -> None:
        columns = values["columns"]
        columns["born"] = {"role": "quasi_identifier", "source": "applications", "kind": "date"}
        columns["notes"] = {"role": "free_text", "source": "applications", "kind": "text"}

    change_case(small_installation.workspace, CASE, declare)
    notes = {6: "spoke with Ann Quarantine", 7: "her doctor: 0170/1234567", 8: None}
    frame = pd.DataFrame(
        {
            "subject": [small_installation.subject(number) for number in range(9)],
            "email": [email(number) for number in range(9)],
            "name": ["ANN  Quarantine" if n in NAMESAKES else name(n) for n in range(9)],
            "born": ["01.03.1980" if n in (3, 4) else "1999-01-01" for n in range(9)],
            "notes": [notes.get(number, "") for number in range(9)],
        }
    )
    small_installation.stage_run("ingest").write_rows(frame)
    return small_installation


def ask(installation: SmallInstallation, *own: int) -> list[frozenset[PersonalValue]]:
    keys = installation.keys
    own_ids = [
        key_id for number in own for key_id in keys.ids_of(installation.subject(number)).values()
    ]
    places = version_places(installation.workspace)
    columns_of = partial(read_columns, workspace=installation.workspace)
    return find_carriers(TERMS, places, keys, own_ids, columns_of)


def test_others_who_carry_a_value_are_found_each_with_all_of_theirs(
    namesakes: SmallInstallation,
) -> None:
    expected = {frozenset({ANN}), frozenset({DOCTOR}), frozenset({ANN, BORN})}

    assert set(ask(namesakes, 3)) == expected


def test_who_is_mentioned_in_a_text_does_not_carry_that_name(
    namesakes: SmallInstallation,
) -> None:
    assert not any(ANN in values for values in ask(namesakes, *NAMESAKES))


def test_those_who_are_looked_for_are_not_others(namesakes: SmallInstallation) -> None:
    assert set(ask(namesakes, *NAMESAKES)) == {frozenset({DOCTOR})}


def test_without_a_working_tree_the_largest_version_is_asked(
    namesakes: SmallInstallation,
) -> None:
    data = namesakes.workspace / "data"
    (path,) = (data / CASE / "ingest").glob("*.parquet")
    namesakes.store(path)
    path.unlink()

    # The older versions have more people, and nobody of that name.
    assert ask(namesakes, 3) == []


def test_what_is_not_sealed_and_whose_key_is_gone_is_passed_over(
    namesakes: SmallInstallation,
) -> None:
    from tasks.keystore.shredding import shred
    from tests.tasks.erasure.small_installation import DAY

    write(namesakes.workspace / "data" / "note.txt", "Ann Quarantine")
    others = [namesakes.subject(number) for number in range(40) if number != 3]
    shred(namesakes.keys, others, DAY)

    assert ask(namesakes, 3) == []


def test_nobody_is_asked_about_a_use_case_s_other_columns(namesakes: SmallInstallation) -> None:
    change_case(
        namesakes.workspace, CASE, lambda values: values["columns"]["name"].update(role="dropped")
    )

    assert not any(ANN in values for values in ask(namesakes, 3))


def test_a_file_that_was_replaced_meanwhile_tells_nothing(
    namesakes: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data, *_) = version_places(namesakes.workspace)
    path = namesakes.workspace / "data" / "note.txt"
    write(path, "Ann Quarantine, and more than twelve bytes")
    replaced = StoredFile(data, str(path), path.stat().st_size)
    copy = carriers._VersionCopy(replaced, f"{CASE}/ingest/rows", "")
    monkeypatch.setattr(carriers, "_newest_versions", lambda _: [[copy]])

    assert ask(namesakes, 3) == []


def test_a_number_that_others_carry_is_found_where_rows_hold_no_text_of_it(
    namesakes: SmallInstallation,
) -> None:
    def declare(values: dict[str, Any]) -> None:
        values["columns"]["customer"] = {
            "role": "identifier",
            "source": "applications",
            "kind": "customer",
        }

    change_case(namesakes.workspace, CASE, declare)
    frame = pd.DataFrame(
        {
            "subject": [namesakes.subject(number) for number in range(9)],
            "customer": [4711000 + number // 2 for number in range(9)],
        }
    )
    namesakes.stage_run("ingest").write_rows(frame)
    number = PersonalValue("customer", "4711001", "a")
    columns_of = partial(read_columns, workspace=namesakes.workspace)

    carried = find_carriers(
        SearchTerms.of([number]),
        version_places(namesakes.workspace),
        namesakes.keys,
        [],
        columns_of,
    )

    assert carried == [frozenset({number})] * 2


def newest_rows(installation: SmallInstallation) -> Path:
    (path,) = (installation.workspace / "data" / CASE / "ingest").glob("*.parquet")
    return path


def alter(path: Path, column: str) -> None:
    """Change the last byte of every cell of a sealed file's column, and leave its own words."""
    file = pq.ParquetFile(path)
    words = {name: word for name, word in file.metadata.metadata.items() if name != b"ARROW:schema"}
    table = file.read().replace_schema_metadata(words)
    cells = [cell[:-1] + bytes([cell[-1] ^ 1]) for cell in table[column].to_pylist()]
    number = table.schema.get_field_index(column)
    changed = table.set_column(number, column, pa.array(cells, table.schema.field(column).type))
    pq.write_table(changed, path)


def test_of_an_altered_file_a_whole_copy_is_asked_instead(namesakes: SmallInstallation) -> None:
    expected = ask(namesakes, 3)
    assert len(expected) == 3
    path = newest_rows(namesakes)
    namesakes.store(path)
    alter(path, "row")

    assert ask(namesakes, 3) == expected


@pytest.mark.parametrize("damage", ["altered", "forged", "none"])
def test_without_a_whole_copy_it_is_said_which_file_and_what_to_do(
    namesakes: SmallInstallation, damage: str
) -> None:
    path = newest_rows(namesakes)
    if damage != "none":
        namesakes.store(path)
        for copy in namesakes.versions[-2:]:
            # A forged copy claims the same code, and has rows under keys that nobody has.
            alter(copy, "row" if damage == "altered" else "key")
    alter(path, "row")

    with pytest.raises(SealError, match=f"data: {CASE}/ingest/rows.parquet") as error:
        ask(namesakes, 3)
    assert f"use case {CASE}" in str(error.value)
    assert "dvc checkout" in str(error.value)


def test_a_use_case_that_nobody_declares_is_not_named(namesakes: SmallInstallation) -> None:
    alter(newest_rows(namesakes), "row")
    places = version_places(namesakes.workspace)

    with pytest.raises(SealError, match="use case that is gone"):
        find_carriers(TERMS, places, namesakes.keys, [], lambda _: None)
