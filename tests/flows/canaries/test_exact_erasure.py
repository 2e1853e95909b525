"""Ten of thirty people erased: nothing of theirs is left, and every byte of the others is."""

import json
import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.flows.canaries.conftest import Erasure
from tests.flows.canaries.encodings import Encoding, encodings
from tests.flows.canaries.naming import is_named
from tests.flows.canaries.people import GONE, NAMESAKES, STAY, people
from tests.flows.canaries.planting import MIXED, REPORTS, VERSIONS, Ground, slug
from tests.flows.canaries.scanner import Scanner
from tests.flows.canaries.snapshot import DATABASE_LOG, DECRYPTED, Snapshot, changed_places
from tests.flows.workspace import CASE, HERE, Workspace

pytestmark = pytest.mark.integration
EVERYBODY = people()
# One prefix for each kind of place in which everybody, or somebody, has to be readable before.
PLACES = (
    f"checkout/{REPORTS}/", f"checkout/{MIXED}/", "checkout/notes/", "checkout/exports/",
    f"checkout/data/{CASE}/validate/docs/", "checkout/.dvc/cache/", "checkout/.dvc/tmp/",
    "remote/", "scratch/", "home/operator/", "home/mlartifacts/examples/",
    f"home/mlartifacts/{CASE}/", "home/prefect/storage/",
    "cell home/mlflow.db runs ", "cell home/mlflow.db params ", "cell home/mlflow.db tags ",
    "cell home/prefect/prefect.db flow_run ", "cell home/prefect/prefect.db log ",
    "cell home/prefect/prefect.db artifact ", "cell home/prefect/prefect.db variable ",
    "cell home/prefect/prefect.db block_document ", "cell home/prefect/prefect.db events ",
    "checkout/.git object ", "checkout/.git/logs/", "checkout/.git/refs/heads/",
    "mirror.git object ", "bucket/portcullis/files/md5/",
    f"rows of checkout/data/{CASE}/ingest/", "rows of checkout/.dvc/cache/", "rows of remote/",
    "rows of bucket/",
)  # fmt: skip
# Digests of registered models and of the rows that they learnt from.
VERIFIED = f"""
from pathlib import Path
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from tasks.formats.digests import sha256_of
from tasks.registry.client import registry_uri
{HERE}
client = MlflowClient(registry_uri(here))
for version in client.search_model_versions("name = '{CASE}'"):
    stored = download_artifacts(
        run_id=version.run_id,
        artifact_path="model/data/model",
        tracking_uri=registry_uri(here),
    )
    print(sha256_of(Path(stored)) == version.tags["portcullis.model_sha256"])
"""


@pytest.fixture(scope="module")
def places_before(before: Snapshot, scanner: Scanner) -> dict[str, set[int]]:
    return before.places_of(scanner, {*GONE, *STAY})


@pytest.fixture(scope="module")
def places_after(erasure: Erasure, scanner: Scanner) -> dict[str, set[int]]:
    return erasure.after.places_of(scanner, {*GONE, *STAY})


def test_everybody_was_planted_in_every_kind_of_place_and_can_be_read(
    places_before: dict[str, set[int]],
) -> None:
    for prefix in PLACES:
        assert any(place.startswith(prefix) for place in places_before), prefix
    for encoding in encodings():
        for number in (*GONE, *STAY):
            place = f"checkout/{REPORTS}/{slug(encoding)}/{number:02}{encoding.suffix}"
            assert places_before[place] == {number}


def test_nothing_of_the_erased_can_be_read_but_where_the_receipt_says(
    erasure: Erasure, places_after: dict[str, set[int]]
) -> None:
    unnamed = [
        place
        for place, persons in places_after.items()
        if persons & {*GONE} and not is_named(place, erasure.receipt_lines)
    ]
    assert unnamed == []


def test_no_key_opens_a_row_of_the_erased_in_any_version(
    before: Snapshot, erasure: Erasure
) -> None:
    emails = [f'"{EVERYBODY[number].email}"' for number in GONE]
    assert sum(any(email in row for email in emails) for row in all_rows(before)) >= VERSIONS * 10
    assert not any(email in row for row in all_rows(erasure.after) for email in emails)


def test_every_row_of_the_others_opens_as_before(before: Snapshot, erasure: Erasure) -> None:
    gone = {subject_of(row) for row in all_rows(before)} - {
        subject_of(row) for row in all_rows(erasure.after)
    }
    staying = Counter(row for row in all_rows(before) if subject_of(row) not in gone)
    assert len(gone) == len(GONE) + 2  # pseudonyms: two of them were customers twice
    assert Counter(all_rows(erasure.after)) == staying


def test_what_changed_held_somebody_who_is_erased(
    before: Snapshot, erasure: Erasure, places_before: dict[str, set[int]]
) -> None:
    unexplained = [
        place
        for place in changed_places(before.items, erasure.after.items)
        # What a block keeps encrypted is read beside its cell.
        if not (places_before.get(place, set()) | places_before.get(place + DECRYPTED, set()))
        & {*GONE}
    ]
    assert unexplained == []


def test_everybody_who_stays_stands_wherever_they_stood(
    places_before: dict[str, set[int]], places_after: dict[str, set[int]]
) -> None:
    lost = {
        place: persons & {*STAY} - places_after.get(place, set())
        for place, persons in places_before.items()
        if not place.startswith("rows of ") and not DATABASE_LOG.search(place)
    }
    assert {place: persons for place, persons in lost.items() if persons} == {}


@pytest.mark.parametrize("encoding", encodings(), ids=lambda encoding: encoding.name)
@pytest.mark.parametrize("folder", [f"checkout/{MIXED}", "home/mlartifacts/examples", "scratch"])
def test_every_record_of_the_others_is_as_before_in_a_file_of_all(
    folder: str, encoding: Encoding, before: Snapshot, erasure: Erasure
) -> None:
    place = f"{folder}/{slug(encoding)}{encoding.suffix}"
    staying = encoding.decode(encoding.encode([EVERYBODY[number] for number in STAY]))
    records = encoding.decode(before.items[place])
    kept = encoding.decode(erasure.after.items[place])
    assert [record for record in staying if record in records and record not in kept] == []


def test_states_and_aliases_of_other_systems_keep_their_words(erasure: Erasure) -> None:
    cells = erasure.after.items
    aliases = [value for place, value in cells.items() if " registered_model_aliases " in place]
    assert b"candidate" in aliases
    states = [
        value for place, value in cells.items() if re.search(r" flow_run \S+ state_name", place)
    ]
    assert states
    assert set(states) == {b"Completed"}


def test_of_two_people_of_one_name_the_other_keeps_everything(
    before: Snapshot, erasure: Erasure, places_before: dict[str, set[int]]
) -> None:
    _, other = NAMESAKES
    alone = [
        place
        for place, persons in places_before.items()
        if persons == {other} and place in before.items
    ]
    assert alone
    for place in alone:
        assert erasure.after.items[place] == before.items[place], place


def test_one_whose_rows_cannot_be_read_is_set_aside_and_nobody_else(erasure: Erasure) -> None:
    assert erasure.set_aside.returncode == 2
    assert erasure.set_aside.stdout.count(": set aside, at ") == 1
    assert erasure.erased.stdout.count(": erased") == len(GONE) - 1
    assert erasure.retried.stdout.count(": erased") == 1


def test_no_message_of_the_commands_names_anybody(erasure: Erasure, scanner: Scanner) -> None:
    for done in (erasure.set_aside, erasure.erased, erasure.retried):
        assert scanner.people_in((done.stdout + done.stderr).encode()) & {*GONE} == set()


def test_every_digest_lock_and_registered_model_still_verifies(
    ground: Ground, before: Snapshot, erasure: Erasure
) -> None:
    assert {place: before.items[place] for place in before.rows} == {
        place: erasure.after.items[place] for place in erasure.after.rows
    }
    status = json.loads(ground.workspace.dvc("status", "--json").stdout)
    entries = [entry for stage in status.values() for entry in stage if isinstance(entry, dict)]
    changed = [out for entry in entries for out in entry.get("changed outs", {})]
    # The one output that quoted people in plain text.
    assert changed == [f"data/{CASE}/validate/docs"]
    verified = ground.workspace.run(sys.executable, "-c", VERIFIED).stdout.split()
    assert verified
    assert set(verified) == {"True"}


def test_a_restored_backup_of_the_key_store_is_refused_and_opens_nothing(
    ground: Ground, erasure: Erasure, tmp_path: Path
) -> None:
    restored = Workspace(ground.workspace.root, tmp_path / "home")
    shutil.copytree(ground.workspace.home, restored.home)
    for path in restored.home.glob("keys.db*"):
        path.unlink()
    shutil.copy(ground.backup / "keys.db", restored.home / "keys.db")
    for command in (
        ("tasks.sealed", "show", CASE, "ingest", "--why", "attack"),
        ("tasks", "ingest", CASE),
        ("flows", "erase", CASE, "--subject", EVERYBODY[STAY[0]].email),
    ):
        done = restored.run(sys.executable, "-m", *command, check=False)
        assert done.returncode == 2, command
        assert "key store" in done.stderr or "keys wrapped by" in done.stderr
        if "show" in command:
            # All identifiers of the ten.
            assert "found an older copy, which would bring back 13" in done.stderr


def test_the_next_release_goes_through_without_them(ground: Ground, erasure: Erasure) -> None:
    ran = ground.workspace.dvc("repro", f"redact@{CASE}")
    # Two of them were customers twice.
    assert f"{len(GONE) + 2} rows left out" in ran.stderr


def all_rows(snapshot: Snapshot) -> list[str]:
    return [row for rows in snapshot.rows.values() for row in rows]


def subject_of(row: str) -> str:
    return row.partition('"subject": "')[2][:32]
