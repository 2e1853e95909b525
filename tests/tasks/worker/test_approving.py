"""A run waits for a second person where nothing but an approval is lacking, whoever asks for it."""

from pathlib import Path

import pytest

from tasks.attestation.dsse import Envelope, sign
from tasks.attestation.keyring import add_key
from tasks.attestation.roles import APPROVER
from tasks.attestation.signing_keys import LocalSigner
from tasks.clearance.check import Clearance, clear_model
from tasks.errors import DataError, EvidenceError, Refusal, RefusalKind
from tasks.formats.digests import sha256_of
from tasks.notary.notary import open_ledger, open_notary
from tasks.verifier.approvals import approval
from tasks.verifier.lineage import Chain
from tasks.worker import approving
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import CASE

MISSING = Refusal(RefusalKind.APPROVAL_MISSING, "approval: nobody has approved this model")
EXPIRED = Refusal(RefusalKind.APPROVAL_EXPIRED, "approval: that of entry 3 has expired")
BY_LAW = Refusal(RefusalKind.IN_FORCE_APPROVAL_MISSING, "approval: 0 of 1 people approved it")
FAILED = Refusal(RefusalKind.CHECK_FAILED, "approval: a text that begins like another's")


@pytest.mark.parametrize(
    ("refusals", "is_lacking"),
    [
        ((MISSING,), True),
        ((MISSING, EXPIRED), True),
        ((BY_LAW,), True),
        ((), False),
        ((MISSING, FAILED), False),
        ((FAILED,), False),
    ],
)
def test_a_run_waits_for_a_second_person_by_the_kinds_of_its_refusals(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refusals: tuple[Refusal, ...],
    is_lacking: bool,
) -> None:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_MANDATE", raising=False)
    clearance = Clearance(Chain("tiny", "0" * 64, (), {}, (), ()), refusals)
    monkeypatch.setattr(approving, "clear_model", lambda *_, **__: clearance)

    lacking = approving.lacks_only_approval("tiny", "0" * 64, installation_at(tmp_path))
    assert lacking is is_lacking


# The model that is asked about.


def test_the_model_is_the_folder_that_the_last_training_left(signed: Path) -> None:
    folder = approving.find_model(CASE, signed)
    assert folder == signed / "data" / CASE / "train" / "model"
    assert approving.model_here(CASE, installation_at(signed)) == sha256_of(folder)


def test_where_nothing_was_trained_a_release_is_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found none\. Run `./portcullis release tiny`\.$"):
        approving.find_model(CASE, tmp_path)


def test_what_a_command_could_be_told_instead_stands_in_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"release tiny`, or name a model\.$"):
        approving.find_model(CASE, tmp_path, alternative=", or name a model")


# What a person has signed.


@pytest.fixture
def needing(signed: Path) -> Path:
    """A use case that asks for an approval, of whom `ann` may give one."""
    change_case(signed, CASE, lambda values: values["register"].update(approval=True))
    ann = LocalSigner.make(signed.parent / "ann.pem")
    with open_notary(installation_at(signed)) as notary:
        enrolment = add_key(ann.public, (APPROVER,), "ann")
        notary.append_signed([sign(enrolment.to_bytes(), notary.signer("root"))])
    return signed


def approve(workspace: Path, model: str, *, key: str = "ann") -> Envelope:
    """Return ann's approval of a model, by the key of this name."""
    statement = approval(
        CASE,
        model,
        person="ann",
        role="validator",
        reason="sound",
        given="2020-01-01T00:00:00Z",
        expires="2099-01-01T00:00:00Z",
    )
    return sign(statement.to_bytes(), LocalSigner.load(workspace.parent / f"{key}.pem"))


def entries_of(workspace: Path) -> int:
    """Return how many entries the ledger has."""
    ledger = open_ledger(installation_at(workspace))
    try:
        head = ledger.head()
        return head.size if head else 0
    finally:
        ledger.close()


def test_an_approval_that_counts_is_recorded_and_clears_the_model(needing: Path) -> None:
    here = installation_at(needing)
    model = approving.model_here(CASE, here)
    assert approving.lacks_only_approval(CASE, model, here)
    size = entries_of(needing)

    recorded = approving.record_consent(approve(needing, model).to_bytes(), CASE, model, here)
    assert (recorded.index, entries_of(needing)) == (size, size + 1)
    assert clear_model(CASE, model, here).refusals == ()
    assert not approving.lacks_only_approval(CASE, model, here)


def test_space_around_an_envelope_that_was_pasted_does_not_matter(needing: Path) -> None:
    here = installation_at(needing)
    model = approving.model_here(CASE, here)
    pasted = b"\n  " + approve(needing, model).to_bytes() + b"\r\n"
    approving.record_consent(pasted, CASE, model, here)
    assert clear_model(CASE, model, here).refusals == ()


def test_an_approval_of_another_model_is_refused_and_nothing_is_recorded(needing: Path) -> None:
    here = installation_at(needing)
    model = approving.model_here(CASE, here)
    size = entries_of(needing)

    with pytest.raises(EvidenceError, match="an approval of model"):
        approving.record_consent(approve(needing, "0" * 64).to_bytes(), CASE, model, here)
    assert entries_of(needing) == size


def test_an_approval_by_a_key_of_nobody_is_refused_and_nothing_is_recorded(needing: Path) -> None:
    here = installation_at(needing)
    model = approving.model_here(CASE, here)
    LocalSigner.make(needing.parent / "stranger.pem")
    size = entries_of(needing)

    envelope = approve(needing, model, key="stranger")
    with pytest.raises(EvidenceError, match="a key with role `approval`"):
        approving.record_consent(envelope.to_bytes(), CASE, model, here)
    assert entries_of(needing) == size


def test_what_is_no_envelope_is_refused_and_nothing_is_recorded(needing: Path) -> None:
    here = installation_at(needing)
    size = entries_of(needing)
    with pytest.raises(EvidenceError, match="the approval"):
        approving.record_consent(b"I approve", CASE, approving.model_here(CASE, here), here)
    assert entries_of(needing) == size
