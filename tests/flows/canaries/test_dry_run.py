"""A dry run lists everything that an erasure then changes and leaves, and nothing else."""

import re
from collections import Counter

import pytest

from tests.flows.canaries.conftest import DryRun, Erasure
from tests.flows.canaries.naming import DATABASE_NAMES, name_file
from tests.flows.canaries.people import GONE
from tests.flows.canaries.scanner import Scanner
from tests.flows.canaries.snapshot import DECRYPTED, Snapshot, changed_places

pytestmark = pytest.mark.integration
CELLS = re.compile(r"([\d,]+) cells? of (.+), table (\S+)")
BLOCKS = re.compile(r"([\d,]+) of (.+)'s blocks would be masked")


@pytest.fixture(scope="module")
def changed(before: Snapshot, erasure: Erasure) -> set[str]:
    return changed_places(before.items, erasure.after.items)


def test_a_dry_run_changes_nothing(dry_run: DryRun) -> None:
    assert dry_run.changed == set()
    assert dry_run.done.stdout.endswith("Nothing was changed.\n")


def test_every_file_that_it_lists_changes_and_every_other_stays(
    dry_run: DryRun, changed: set[str]
) -> None:
    listed = [
        line.removesuffix(" would be masked")
        for line in dry_run.lines("would change: ")
        if line.endswith(" would be masked") and not BLOCKS.fullmatch(line)
    ]
    files = [place for place in changed if not place.startswith("cell ")]
    assert sorted(listed) == sorted(str(name_file(place)) for place in files)
    assert len(listed) > 400


def test_it_lists_as_many_cells_of_every_table_as_change(
    dry_run: DryRun, changed: set[str]
) -> None:
    lines = dry_run.lines("would change: ")
    listed = {
        (match[2], match[3]): int(match[1].replace(",", ""))
        for match in map(CELLS.fullmatch, lines)
        if match
    }
    cells = [place.split(" ") for place in changed if place.startswith("cell ")]
    counted = Counter(
        (DATABASE_NAMES[database], table)
        for _, database, table, *_ in cells
        if table != "block_document"
    )
    assert listed == dict(counted)

    (blocks,) = (int(match[1]) for match in map(BLOCKS.fullmatch, lines) if match)
    assert blocks == sum(place.endswith(DECRYPTED) for place in changed)


def test_it_counts_the_rows_whose_keys_are_destroyed(
    dry_run: DryRun, before: Snapshot, erasure: Erasure
) -> None:
    first, *_ = dry_run.done.stdout.splitlines()
    one_place_of_each = {before.items[place]: place for place in before.rows}.values()
    gone = sum(
        len(before.rows[place]) - len(erasure.after.rows[place]) for place in one_place_of_each
    )
    assert first.startswith(f"{len(GONE)} people: {gone:,} rows in ")


def test_it_leaves_and_passes_over_what_the_erasure_does(dry_run: DryRun, erasure: Erasure) -> None:
    for planned, said in (
        ("would be left to a person: ", "left to a person: "),
        ("could not be searched: ", "could not be searched: "),
    ):
        real = {
            line.removeprefix(said)
            for done in (erasure.erased, erasure.retried)
            for line in done.stdout.splitlines()
            if line.startswith(said)
        }
        assert {shape(line) for line in dry_run.lines(planned)} == {shape(line) for line in real}


def test_it_names_nobody(dry_run: DryRun, scanner: Scanner) -> None:
    output = dry_run.done.stdout + dry_run.done.stderr
    assert scanner.people_in(output.encode()) & {*GONE} == set()


def shape(line: str) -> str:
    """Return a line without its counts: of one batch of ten, or of nine and one."""
    return re.sub(r"\b\d[\d,]*\b", "#", line)
