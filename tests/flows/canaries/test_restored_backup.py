"""A backup of MLflow's database brings the erased back: erased again, they are gone for good."""

import pytest

from tests.flows.canaries.conftest import Erasure, erase, receipt_lines
from tests.flows.canaries.naming import is_named
from tests.flows.canaries.people import GONE, STAY, people
from tests.flows.canaries.planting import Ground
from tests.flows.canaries.scanner import Scanner
from tests.flows.canaries.snapshot import Snapshot, read_items

pytestmark = pytest.mark.integration
EVERYBODY = people()
TAGS = "cell home/mlflow.db tags "
OTHERS = {EVERYBODY[number].phone for number in STAY}


@pytest.fixture(scope="module")
def erased_again(ground: Ground, erasure: Erasure) -> dict[str, bytes]:
    """What is stored when MLflow's database was restored and the ten were erased once more.

    Their keys are gone, so that nothing here tells their names any more: whoever asks does. A name
    that somebody else has is not given, since it would be theirs, too.
    """
    (ground.workspace.home / "mlflow.db").write_bytes((ground.backup / "mlflow.db").read_bytes())
    for log in ground.workspace.home.glob("mlflow.db-*"):
        log.unlink()
    asked = [
        (
            *EVERYBODY[number].identifiers,
            *(() if EVERYBODY[number].has_namesake else (EVERYBODY[number].name,)),
            EVERYBODY[number].phone,
            EVERYBODY[number].iban,
            EVERYBODY[number].customer,
        )
        for number in GONE
    ]
    done = erase(ground, asked, "--search-anyway", "--remove-files", "--search-texts")
    assert done.stdout.count(": nothing was held") == len(GONE)
    return read_items(ground)


def test_nothing_of_theirs_is_left_but_where_the_receipt_says(
    ground: Ground, erased_again: dict[str, bytes], scanner: Scanner
) -> None:
    places = Snapshot(erased_again, {}).places_of(scanner, {*GONE})
    lines = receipt_lines(ground)
    assert [place for place in places if not is_named(place, lines)] == []
    # Files that could not be masked in place are gone as a whole.
    files = ("checkout/data/", "scratch/", "home/mlartifacts/examples/", "bucket/", "remote/")
    assert [place for place in places if place.startswith(files)] == []


def test_the_others_stand_in_the_restored_database(
    erased_again: dict[str, bytes], before: Snapshot
) -> None:
    tags = {
        place: content
        for place, content in before.items.items()
        if place.startswith(TAGS) and content.decode() in OTHERS
    }
    assert len(tags) >= len(STAY)
    assert {place: erased_again[place] for place in tags} == tags
