"""A dry run: all that would happen is listed, and not a byte changes."""

from pathlib import Path

import pytest

from tasks.erasure.previewing import ErasurePreview, preview_erasure
from tasks.erasure.request import Identifiers, RequestOptions
from tasks.guard.opening import open_guarded_keys
from tests.tasks.erasure.small_installation import (
    BASIS,
    CASE,
    COPIES_OF_A_PERSON,
    DAY,
    LAW,
    VERSIONS,
    SmallInstallation,
    email,
)


def preview(small_installation: SmallInstallation, *people: Identifiers) -> ErasurePreview:
    return preview_erasure(
        CASE,
        people,
        day=DAY,
        options=RequestOptions(removes_files=True),
        installation=small_installation.installation,
    )


def contents(small_installation: SmallInstallation) -> dict[Path, bytes]:
    """Every file, but what records that somebody has looked."""
    records = ("audit", "ledger", "erasures.db", "keys.db-", "keys.lock")
    return {
        path: path.read_bytes()
        for folder in (small_installation.workspace, small_installation.home)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.relative_to(folder).as_posix().startswith(records)
    }


def test_nothing_changes_and_all_that_would_is_listed(
    small_installation: SmallInstallation,
) -> None:
    small_installation.plant(1)
    # What has been seen of the key store is recorded by whoever opens it first.
    open_guarded_keys(small_installation.installation).tables.scrub()
    before = contents(small_installation)
    copies = small_installation.readable_copies()

    shown = preview(small_installation, email(1))

    after = contents(small_installation)
    assert {path: after[path] for path in before} == before
    # DVC makes caches of its own as soon as it is asked for its remotes.
    new = [path.relative_to(small_installation.workspace) for path in after.keys() - before.keys()]
    assert [path for path in new if path.parts[0] != ".dvc"] == []
    assert small_installation.readable_copies() == copies
    assert small_installation.journal.requests() == []
    assert len(small_installation.keys.tombstones()) == 0
    assert shown.people == 1
    assert shown.keys == {"training": 1, "decision-record": 1}
    assert (shown.versions, shown.copies) == (3 * VERSIONS, COPIES_OF_A_PERSON * 3 // 2 + 3)
    assert shown.rows == 3 * VERSIONS
    assert shown.report.planned
    assert (shown.report.rewritten, shown.report.removed) == (0, 0)


def test_it_is_audited_as_a_reading_and_not_as_an_erasure(
    small_installation: SmallInstallation,
) -> None:
    preview(small_installation, email(1))

    lines = "".join(path.read_text() for path in small_installation.home.glob("audit/*.jsonl"))
    assert "people:read rows" in lines
    assert "dry run" in lines
    assert "people:erase" not in lines


def test_what_a_court_and_a_law_keep_is_listed(small_installation: SmallInstallation) -> None:
    small_installation.keep_decision_records(25)
    small_installation.hold(1)

    by_court = preview(small_installation, email(1)).kept
    by_law = preview(small_installation, email(2)).kept

    assert by_court == (f"until 2028-12-24 at the earliest: {BASIS}; {LAW}",)
    assert by_law == (f"until 2028-12-24: {LAW}",)


@pytest.mark.parametrize("people", [("nobody@example.org",), ()])
def test_of_somebody_unknown_nothing_is_shown(
    small_installation: SmallInstallation, people: tuple[str, ...]
) -> None:
    if not people:
        people = ("nobody@example.org", "no.one@example.org")

    shown = preview(small_installation, *people)

    assert (shown.people, shown.keys, shown.rows) == (len(people), {}, 0)
    assert shown.report.planned == ()
