"""Others' sealed texts: searched only when asked, each place reported, nothing rewritten."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tasks.erasure.request import RequestOptions
from tasks.erasure.searching.discovery import discover_rows
from tasks.erasure.searching.places import Place, PurgeRule, version_places
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tasks.erasure.sinks import PurgeOptions, PurgeReport
from tasks.erasure.sinks.texts import OtherRows, TextsSink
from tasks.keystore.custodians import Restriction, load_custodians
from tasks.keystore.keys import Retention
from tasks.keystore.shredding import shred
from tests.cases import change_case
from tests.tasks.erasure.small_installation import CASE, DAY, SmallInstallation, email, name

SEARCH = PurgeOptions(searches_texts=True)
ANN = 1
TERMS = SearchTerms.of([PersonalValue("email", email(ANN)), PersonalValue("name", name(ANN))])
NOTES = {
    0: "nothing about anybody",
    ANN: f"{name(ANN)} asks for herself",
    2: f"guarantor is {name(ANN)} <{email(ANN)}>",
    3: f"wrote from {email(ANN).upper()}",
    4: None,
}


@pytest.fixture
def notes(small_installation: SmallInstallation) -> SmallInstallation:
    """An installation whose use case has notes: a version in the tree, the cache and a remote."""
    declared = {"role": "free_text", "source": "applications", "kind": "text"}
    change_case(
        small_installation.workspace, CASE, lambda values: values["columns"].update(notes=declared)
    )
    seal(small_installation, NOTES)
    return small_installation


def seal(
    made: SmallInstallation,
    notes: dict[int, str | None],
    column: str = "notes",
    stage: str = "ingest",
) -> Path:
    rows = pd.DataFrame(
        {
            "subject": [made.subject(number) for number in notes],
            column: pd.array(list(notes.values()), dtype="str"),
        }
    )
    run = made.stage_run(stage)
    run.write_rows(rows)
    path = made.workspace / "data" / CASE / stage / "rows.parquet"
    made.store(path)
    return path


def data_path(made: SmallInstallation) -> Path:
    return made.workspace / "data" / CASE / "ingest" / "rows.parquet"


def sink_of(made: SmallInstallation, own: Collection[int] = (ANN,)) -> TextsSink:
    own_ids = [
        key_id for number in own for key_id in made.keys.ids_of(made.subject(number)).values()
    ]
    copies = discover_rows(version_places(made.workspace), ()).sealed_copies
    return TextsSink(made.installation, lambda: OtherRows(copies, own_ids))


def purge(made: SmallInstallation, options: PurgeOptions = SEARCH) -> PurgeReport:
    return sink_of(made).purge(TERMS, options)


def test_without_being_asked_it_opens_nothing_and_says_so(notes: SmallInstallation) -> None:
    report = purge(notes, PurgeOptions())

    assert report == PurgeReport(
        unseen=(
            "texts of other people in sealed versions were not searched: 3 sealed files with free "
            "text; give --search-texts",
        )
    )


def test_each_version_with_mentions_is_reported_with_counts_and_no_value(
    notes: SmallInstallation,
) -> None:
    before = {path: path.read_bytes() for path in notes.versions}

    report = purge(notes)

    (line,) = report.left
    assert line.startswith(f"{CASE}/ingest/rows, version ")
    assert "(3 files, as data: tiny/ingest/rows.parquet)" in line
    assert "2 of 4 rows of other people mention them; the next release replaces it" in line
    assert (report.searched, report.rewritten, report.removed, report.unseen) == (1, 0, 0, ())
    assert email(ANN) not in line
    assert {path: path.read_bytes() for path in notes.versions} == before


def test_a_dry_run_finds_the_same(notes: SmallInstallation) -> None:
    assert purge(notes, replace(SEARCH, is_dry_run=True)) == purge(notes)


def test_the_person_s_own_rows_are_not_opened(notes: SmallInstallation) -> None:
    own = sink_of(notes, own=(ANN, 2, 3))
    assert own.purge(TERMS, SEARCH) == PurgeReport(searched=1)


def test_an_older_version_is_its_store_s_to_remove(notes: SmallInstallation) -> None:
    seal(notes, dict.fromkeys(NOTES, "nothing"))

    report = purge(notes)

    (line,) = report.left
    assert "(2 files, as DVC cache: files/md5/" in line
    assert "`dvc gc`" in line
    assert report.searched == 2


def test_a_version_of_one_file_is_one_file(notes: SmallInstallation) -> None:
    for path in notes.versions[-2:]:
        path.unlink()
    (line,) = purge(notes).left
    assert "(1 file, as data: " in line


def test_of_a_column_that_is_declared_no_more_every_text_may_mention_them(
    notes: SmallInstallation,
) -> None:
    change_case(notes.workspace, CASE, lambda values: values["columns"].pop("notes"))
    assert len(purge(notes).left) == 1


def test_a_use_case_that_is_gone_is_searched_in_every_text(
    notes: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.erasure.sinks.texts import versions

    monkeypatch.setattr(versions, "read_columns", lambda *_, **__: None)
    report = purge(notes)

    mentioned = [line for line in report.left if "2 of 4 rows" in line]
    assert len(mentioned) == 1


def test_nothing_with_free_text_is_nothing_to_say(small_installation: SmallInstallation) -> None:
    assert purge(small_installation, PurgeOptions()) == PurgeReport()
    assert purge(small_installation) == PurgeReport()


def test_columns_of_later_stages_are_no_free_text(notes: SmallInstallation) -> None:
    seal(notes, {2: f"{name(ANN)}"}, column="side", stage="train")
    assert len(purge(notes).left) == 1


def test_rows_of_people_who_were_erased_are_nobody_s_to_read(notes: SmallInstallation) -> None:
    shred(notes.keys, [notes.subject(2)], DAY, {})

    (line,) = purge(notes).left

    assert "1 of 3 rows of other people" in line
    assert purge(notes).unseen == ()


def test_rows_under_keys_of_custodians_are_said_not_to_be_opened(notes: SmallInstallation) -> None:
    rows = pd.DataFrame(
        {"subject": [notes.subject(5)], "notes": pd.array([name(ANN)], dtype="str")}
    )
    notes.stage_run("ingest").write_rows(rows, retention=Retention.DECISION_RECORD)
    custodians = load_custodians(notes.installation, allow_local=True)
    held = Restriction("Court of X, case 7/2026", date(2027, 6, 1), custodians, held=True)
    shred(notes.keys, [notes.subject(5)], DAY, {notes.subject(5): held})

    report = purge(notes)

    assert report.unseen == (
        "texts under 1 keys that are sealed to custodians, or of another installation: two "
        "custodians can open them",
    )


def test_a_version_of_which_no_copy_can_be_read_is_named_and_the_others_are_searched(
    notes: SmallInstallation,
) -> None:
    seal(notes, {2: name(ANN), 3: "x"})
    sink = sink_of(notes)
    for path in (data_path(notes), *notes.versions[-2:]):
        path.write_bytes(b"no longer sealed, but long enough to be a file of Parquet")

    report = sink.purge(TERMS, SEARCH)

    (line,) = report.unseen
    assert line == "data: tiny/ingest/rows.parquet: its texts cannot be read (SealError)"
    assert len(report.left) == 1


def test_where_one_copy_is_broken_another_is_read(notes: SmallInstallation) -> None:
    sink = sink_of(notes)
    expected = sink.purge(TERMS, SEARCH)
    data_path(notes).unlink()

    assert sink.purge(TERMS, SEARCH) == expected


def test_files_that_have_gone_meanwhile_are_named(notes: SmallInstallation) -> None:
    sink = sink_of(notes)
    for path in (data_path(notes), *notes.versions[-2:]):
        path.unlink()
    (line,) = sink.purge(TERMS, SEARCH).unseen
    assert line.endswith("cannot be read (FileNotFoundError)")


def test_the_place_of_a_file_named_after_them_is_masked(notes: SmallInstallation) -> None:
    folder = notes.workspace / "kept" / name(ANN)
    folder.mkdir(parents=True)
    sealed = notes.workspace / "data" / CASE / "ingest" / "rows.parquet"
    (folder / "rows.parquet").write_bytes(sealed.read_bytes())
    place = Place.local("kept", notes.workspace / "kept", PurgeRule.REPORT)
    copies = discover_rows([place], ()).sealed_copies

    report = TextsSink(notes.installation, lambda: OtherRows(copies)).purge(TERMS, SEARCH)

    (line,) = report.left
    assert name(ANN) not in line
    assert "3 of 5 rows" in line  # of whom nothing is known to be their own, all are others'


def test_what_others_carry_too_is_told_apart_and_left_to_a_person(notes: SmallInstallation) -> None:
    value = PersonalValue("name", name(ANN))
    terms = SearchTerms.of([value], ambiguous=[value])
    seal(notes, {2: f"guarantor is\n{name(ANN)}", 3: "nobody"})

    report = sink_of(notes).purge(terms, SEARCH)

    newest = report.left[0]
    assert "1 rows hold only values that others carry, too: a person decides" in newest
    assert "mention them" not in newest


def test_an_erasure_reports_it_on_the_receipt_and_only_when_asked(notes: SmallInstallation) -> None:
    asked = notes.erase(2)
    assert any(line.endswith("give --search-texts") for line in asked.purged.unseen)
    assert not any("mention them" in line for line in asked.purged.left)

    notes.options = RequestOptions(searches_texts=True)
    outcome = notes.erase(ANN)

    (line,) = [line for line in outcome.purged.left if "mention them" in line]
    # The second of the two was erased before, and is nobody's to read.
    assert f"{CASE}/ingest/rows" in line
    assert "1 of 3 rows of other people mention them" in line
    receipt = outcome.receipts[0].read_text()
    assert "1 of 3 rows of other people mention them" in receipt
    assert name(ANN) not in receipt
    assert not any(line.endswith("give --search-texts") for line in outcome.purged.unseen)
