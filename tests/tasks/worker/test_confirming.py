"""A release ends as "registered" only where ledger, policy and registry all say so now."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tasks.attestation.dsse import sign
from tasks.attestation.keyring import revoke_key
from tasks.attestation.roles import GATE
from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import DataError, EvidenceError, RefusalKind, RefusedError
from tasks.formats.digests import sha256_of
from tasks.notary.notary import open_notary
from tasks.system.installation import Installation
from tasks.worker.confirming import (
    Confirmation,
    ReleaseHistory,
    confirm_registration,
    note_history_here,
    prepare_to_confirm,
)
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import CASE, sign_for

MODEL = Path("data") / CASE / "train" / "model"
Asked = list[tuple[str, str, Path, str]]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A registry that holds whatever it is asked for, as version 4; its questions are kept."""
    asked: Asked = []

    def find_published(
        name: str, alias: str, folder: Path, model_sha256: str, installation: Installation
    ) -> str:
        del installation
        asked.append((name, alias, folder, model_sha256))
        return "4"

    monkeypatch.setattr("tasks.registry.client.find_published", find_published)
    return asked


@pytest.fixture
def registered(signed: Path, registry: Asked) -> Path:
    """A use case whose model was let in, and lies in the registry."""
    folder = signed / "data" / CASE / "register"
    folder.mkdir()
    (folder / "receipt.json").write_text("{}")
    sign_for(signed, "register")
    assert registry == []
    return signed


def refused_kinds(workspace: Path) -> set[str]:
    """Return why a release does not end as registered."""
    with pytest.raises(RefusedError, match=f"release of {CASE}") as refused:
        confirm_registration(CASE, installation_at(workspace))
    return {refusal.kind for refusal in refused.value.refusals}


def test_what_ledger_policy_and_registry_hold_is_registered(registered: Path) -> None:
    confirmation = confirm_registration(CASE, installation_at(registered))
    assert confirmation == Confirmation(sha256_of(registered / MODEL), "4", ())


def test_the_registry_is_asked_for_the_bytes_that_lie_here_by_name_and_alias(
    registered: Path, registry: Asked
) -> None:
    confirm_registration(CASE, installation_at(registered))
    model = registered / MODEL
    assert registry == [(CASE, "candidate", model, sha256_of(model))]


def test_a_model_that_no_decision_let_in_is_not_registered(signed: Path, registry: Asked) -> None:
    assert refused_kinds(signed) == {RefusalKind.REGISTRATION_UNCONFIRMED}
    assert registry == []


def test_a_model_whose_latest_decision_failed_is_not_registered(
    registered: Path, registry: Asked
) -> None:
    change_case(registered, CASE, lambda values: values["register"].update(approval=True))
    with pytest.raises(RefusedError, match="the worker does not"):
        sign_for(registered, "register")
    change_case(registered, CASE, lambda values: values["register"].update(approval=False))

    with pytest.raises(RefusedError) as refused:
        confirm_registration(CASE, installation_at(registered))
    (refusal,) = refused.value.refusals
    assert refusal.kind == RefusalKind.REGISTRATION_UNCONFIRMED
    assert "FAILED about this model" in refusal.text
    assert registry == []


def test_an_approval_that_the_policy_asks_for_by_now_is_missed(
    registered: Path, registry: Asked
) -> None:
    change_case(registered, CASE, lambda values: values["register"].update(approval=True))
    assert RefusalKind.APPROVAL_MISSING in refused_kinds(registered)
    assert registry == []


def test_a_gate_s_key_that_was_revoked_since_ends_the_registration(registered: Path) -> None:
    here = installation_at(registered)
    gate = LocalSigner.load(here.home / "signing" / f"{GATE}.pem")
    with open_notary(here) as notary:
        statement = revoke_key(gate.public.keyid, 0, "stolen")
        notary.append_signed([sign(statement.to_bytes(), notary.signer("root"))])
    assert RefusalKind.VERDICT_UNSIGNED in refused_kinds(registered)


@pytest.mark.parametrize("name", ["fairness/verdict.json", "redact/rows.parquet"])
def test_what_is_not_what_was_signed_for_ends_the_registration(
    registered: Path, registry: Asked, name: str
) -> None:
    path = registered / "data" / CASE / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(RefusedError) as refused:
        confirm_registration(CASE, installation_at(registered))
    (refusal,) = refused.value.refusals
    assert refusal.kind == RefusalKind.SUBJECT_CHANGED
    assert refusal.text.startswith(f"data/{CASE}/{name}: other bytes than were signed for")
    assert registry == []


def test_a_registry_that_holds_other_bytes_is_named_with_what_publishes_anew(
    registered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_published(*_: object) -> str:
        raise EvidenceError("registry", expected="the model", found="another", remedy="Look.")

    monkeypatch.setattr("tasks.registry.client.find_published", find_published)
    with pytest.raises(RefusedError) as refused:
        confirm_registration(CASE, installation_at(registered))
    (refusal,) = refused.value.refusals
    assert refusal.kind == RefusalKind.REGISTRATION_UNCONFIRMED
    assert "found another" in refusal.text
    assert f"`dvc repro --force --single-item register@{CASE}` publishes" in refusal.text


def test_where_no_model_lies_none_is_registered(tmp_path: Path, home: Path) -> None:
    with pytest.raises(DataError, match="expected a model"):
        confirm_registration(CASE, installation_at(tmp_path))
    assert not (home / "ledger.db").exists()


# MLflow 3.17 leaves SQLite connections to the collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_the_last_look_needs_is_imported_ahead_of_it() -> None:
    prepare_to_confirm()
    assert {"mlflow.pyfunc", "tasks.registry.packing"} <= sys.modules.keys()


def test_the_attempts_on_the_data_of_the_model_that_lies_here(signed: Path) -> None:
    history = note_history_here(CASE, installation_at(signed))
    summary, line = history.attempts
    assert history.earlier is None  # no other model was ever let in
    (release,) = history.releases
    assert not release.is_registered
    assert ReleaseHistory.from_dict(json.loads(json.dumps(history.to_dict()))) == history
    assert summary.startswith("1 attempt (1 passed) on the same data")
    assert line.startswith("no. 1 passed")


def test_without_a_model_there_is_nothing_to_note(signed: Path) -> None:
    shutil.rmtree(signed / "data" / CASE / "train" / "model")
    history = note_history_here(CASE, installation_at(signed))
    assert (history.attempts, history.earlier) == ((), None)
    assert len(history.releases) == 1  # what was decided before stays known


def test_a_ledger_that_does_not_verify_is_said_to_and_stops_no_page(signed: Path) -> None:
    (signed.parent / "home" / "ledger.pin").unlink()
    history = note_history_here(CASE, installation_at(signed))
    (line,) = history.attempts
    assert (history.earlier, history.releases) == (None, ())
    assert line.startswith("they cannot be listed: ")
