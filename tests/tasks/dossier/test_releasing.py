"""The dossier of a release: of the model, of rows that nothing was learnt from, of no data."""

import json
from pathlib import Path

import pytest

from tasks.dossier.indexing import INDEX
from tasks.dossier.offline.checking import check_dossier
from tasks.dossier.releasing import (
    DossierTarget,
    folder_of_dossier,
    is_dossier_current,
    target_of,
    write_release_dossier,
)
from tasks.formats.digests import sha256_of
from tests.installations import installation_at
from tests.tasks.judged import CASE, CHECKOUT

ROWS = "redact/rows.parquet"
MODEL = "train/model"


@pytest.fixture
def released(signed: Path) -> Path:
    """A release whose every gate has passed, with the registers and the code that are shipped."""
    (signed / "configs" / "governance").symlink_to(CHECKOUT / "configs" / "governance")
    (signed / "tasks").symlink_to(CHECKOUT / "tasks")
    return signed


def written_at(stage: str, root: Path) -> dict[str, object]:
    """Write the dossier of a release that ended at a stage; return its index."""
    assert write_release_dossier(CASE, stage, installation_at(root), root) is not None
    index: dict[str, object] = json.loads((folder_of_dossier(CASE, root) / INDEX).read_text())
    return index


@pytest.mark.parametrize(
    ("stage", "artefact"),
    [
        ("register", MODEL),
        ("decide", MODEL),
        ("train", ROWS),
        ("validate", ROWS),
        ("redact", ""),
        ("admit", ""),
    ],
)
def test_it_is_about_what_this_release_has_made(released: Path, stage: str, artefact: str) -> None:
    # A model lies there all the while: that of the release before.
    target = target_of(stage, CASE, released)
    digest = sha256_of(released / "data" / CASE / artefact) if artefact else ""
    assert target == DossierTarget(artefact, digest)


@pytest.mark.parametrize("stage", ["register", "train", "admit"])
def test_every_claim_holds_offline_wherever_the_release_ended(released: Path, stage: str) -> None:
    index = written_at(stage, released)
    assert index["isRegistered"] is False
    folder = folder_of_dossier(CASE, released)
    checked = check_dossier(folder, None)
    assert checked.faults == ()
    assert checked.claims > 0
    assert (folder / "model.cdx.json").exists() is (stage == "register")


def test_it_is_current_for_its_model_and_its_outcome_alone(released: Path) -> None:
    assert not is_dossier_current(CASE, released, is_registered=False)
    written_at("register", released)
    assert is_dossier_current(CASE, released, is_registered=False)
    assert not is_dossier_current(CASE, released, is_registered=True)
    (released / "data" / CASE / MODEL / "model.json").write_text("{}")
    assert not is_dossier_current(CASE, released, is_registered=False)


def test_the_same_evidence_gives_the_same_bytes(released: Path) -> None:
    written_at("register", released)
    first = {path: path.read_bytes() for path in folder_of_dossier(CASE, released).rglob("*.*")}
    written_at("register", released)
    assert {path: path.read_bytes() for path in first} == first
