"""Approvals that were signed elsewhere: recorded where they would count, else nothing is."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from flows.cli.proof import approve
from tasks.attestation.dsse import Envelope, read_envelope, sign
from tasks.attestation.predicates.serving.promotion import PromotionApproval
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Artefact
from tasks.errors import EvidenceError
from tasks.notary.notary import open_ledger
from tasks.promotion.approving import record_promotion_approval
from tasks.verifier.lineage import MODEL
from tests.flows.cli.running import run
from tests.installations import installation_at
from tests.tasks.judged import CASE
from tests.tasks.registering import enrol, model_here

pytestmark = [
    # MLflow 3.17 leaves SQLite connections to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def ann(promotable: Path) -> Path:
    return enrol(promotable, "ann")


@pytest.fixture
def printed(promotable: Path, ann: Path, capsys: pytest.CaptureFixture[str]) -> bytes:
    capsys.readouterr()
    model = f"sha256:{model_here(promotable)}"
    run(
        approve, installation_at(promotable), CASE, "--model", model, "--to", "champion",
        "--reason", "as good", "--expires", "2099-12-31", "--key", ann, "--print",
    )  # fmt: skip
    return capsys.readouterr().out.encode()


def entries(root: Path) -> int:
    ledger = open_ledger(installation_at(root))
    try:
        head = ledger.head()
        assert head is not None
        return head.size
    finally:
        ledger.close()


def signed_by(
    key: Path,
    printed: bytes,
    *,
    of: Artefact | None = None,
    changes: Mapping[str, str] | None = None,
) -> Envelope:
    """Return what was printed with other values or about something else, signed anew."""
    payload = json.loads(read_envelope(printed.strip(), "x").payload)
    approval = replace(PromotionApproval.from_dict(payload["predicate"]), **(changes or {}))
    subject = payload["subject"][0]
    about = of or Artefact(subject["name"], subject["digest"]["sha256"])
    return sign(approval.about(about).to_bytes(), LocalSigner.load(key))


def test_an_approval_that_counts_is_recorded(promotable: Path, printed: bytes) -> None:
    before = entries(promotable)
    recorded = record_promotion_approval(printed, CASE, installation_at(promotable))
    assert (recorded.index, entries(promotable)) == (before, before + 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expires": "2020-12-31T23:59:59Z"}, "a date of expiry to come"),
        ({"given_on": "2098-01-01T00:00:00Z"}, "a day of signing that has come"),
        ({"reason": " "}, "a reason"),
        ({"person": "bob"}, "under their own name"),
    ],
)
def test_one_that_would_not_count_is_not(
    promotable: Path, ann: Path, printed: bytes, changes: dict[str, str], words: str
) -> None:
    envelope = signed_by(ann, printed, changes=changes)
    refuse(promotable, envelope, words)


def test_one_of_another_use_case_s_model_is_not(
    promotable: Path, ann: Path, printed: bytes
) -> None:
    other = Artefact(f"other/{MODEL}", model_here(promotable))
    refuse(promotable, signed_by(ann, printed, of=other), f"an approval of a model of {CASE}")


def test_one_of_a_model_that_nobody_made_is_not(
    promotable: Path, ann: Path, printed: bytes
) -> None:
    made_up = Artefact(f"{CASE}/{MODEL}", "ab" * 32)
    refuse(promotable, signed_by(ann, printed, of=made_up), "a model of tiny that stage")


def test_one_that_was_changed_after_it_was_signed_is_not(promotable: Path, printed: bytes) -> None:
    envelope = read_envelope(printed.strip(), "x")
    changed = envelope.payload.replace(b"as good", b"is good")
    assert changed != envelope.payload
    refuse(promotable, replace(envelope, payload=changed), "signature")


def refuse(root: Path, envelope: Envelope, words: str) -> None:
    before = entries(root)
    with pytest.raises(EvidenceError, match=words):
        record_promotion_approval(envelope.to_bytes(), CASE, installation_at(root))
    assert entries(root) == before
