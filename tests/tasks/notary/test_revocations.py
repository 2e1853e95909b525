"""A key that the log has voided signs nothing any more: its entry would bar the log for ever."""

from pathlib import Path

import pytest

from tasks.attestation.dsse import sign
from tasks.attestation.keyring import add_key, revoke_key
from tasks.attestation.roles import LOG, ROOT
from tasks.attestation.signing_keys import LocalSigner, signing_folder
from tasks.attestation.statement import Artefact
from tasks.errors import EvidenceError
from tasks.notary.notary import Notary, open_notary
from tasks.notary.revocations import MOST_READ_AGAIN
from tasks.system.installation import Installation
from tests.installations import installation_with_home
from tests.tasks.predicate_samples import BATCH, COMPLETION

ERASURE = "erasure"  # the role of receipts
AUDITED = BATCH.about(Artefact("audit/1", "ab" * 32))


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation whose log has an erasure."""
    for name in ("PORTCULLIS_LEDGER_URL", "PORTCULLIS_TRUST_ROOT", "PORTCULLIS_SIGNING_HOME"):
        monkeypatch.delenv(name, raising=False)
    installation = installation_with_home(tmp_path / "home")
    record(installation, 1)
    return installation


def record(installation: Installation, number: int) -> int:
    with open_notary(installation) as notary:
        return notary.record(COMPLETION.about(Artefact(f"erasure/{number}", "ab" * 32))).index


def size_of(notary: Notary) -> int:
    head = notary.ledger.head()
    assert head is not None
    return head.size


def revoke(installation: Installation, role: str) -> str:
    """Void the key of a role, as `keys revoke` or a rotation does; its file stays as it is."""
    with open_notary(installation) as notary:
        keyid = notary.signer(role).public.keyid
        voided = revoke_key(keyid, size_of(notary), "stolen")
        notary.append_signed([sign(voided.to_bytes(), notary.signer(ROOT))])
    return keyid


def test_a_revoked_key_signs_nothing_and_the_log_stays_as_it_is(
    installation: Installation,
) -> None:
    keyid = revoke(installation, ERASURE)
    with open_notary(installation) as notary:
        before = size_of(notary)

        with pytest.raises(EvidenceError, match="role `erasure`") as refused:
            notary.record(COMPLETION.about(Artefact("erasure/2", "ab" * 32)))

        assert size_of(notary) == before
    assert keyid[:12] in refused.value.found
    assert "keys rotate erasure" in refused.value.remedy


def test_other_roles_go_on(installation: Installation) -> None:
    revoke(installation, ERASURE)

    with open_notary(installation) as notary:
        assert notary.record(AUDITED).index == size_of(notary) - 1


def test_another_key_of_the_role_signs(installation: Installation) -> None:
    revoke(installation, ERASURE)
    path = signing_folder(installation) / f"{ERASURE}.pem"
    path.unlink()
    new = LocalSigner.make(path)
    with open_notary(installation) as notary:
        added = add_key(new.public, (ERASURE,), "worker")
        notary.append_signed([sign(added.to_bytes(), notary.signer(ROOT))])

    record(installation, 2)


def test_a_key_that_is_revoked_between_signing_and_appending_signs_nothing(
    installation: Installation,
) -> None:
    with open_notary(installation) as notary:
        # Its key is in memory, and its entry was looked up.
        notary.record(COMPLETION.about(Artefact("erasure/2", "ab" * 32)))
        revoke(installation, ERASURE)

        with pytest.raises(EvidenceError, match="role `erasure`"):
            notary.record(COMPLETION.about(Artefact("erasure/3", "ab" * 32)))


@pytest.mark.parametrize("entries_after", [0, MOST_READ_AGAIN + 5])
def test_a_revocation_is_found_however_long_the_log_has_grown(
    installation: Installation, entries_after: int
) -> None:
    for number in range(MOST_READ_AGAIN + 5):
        record(installation, number)
    revoke(installation, ERASURE)
    with open_notary(installation) as notary:
        for _ in range(entries_after):
            notary.record(AUDITED)

    for number in (1, 2):
        with pytest.raises(EvidenceError, match="role `erasure`"):
            record(installation, number)


def test_a_log_whose_key_was_rotated_elsewhere_says_so(
    installation: Installation, tmp_path: Path
) -> None:
    new = LocalSigner.make(tmp_path / "new.pem")
    with open_notary(installation) as notary:
        old = notary.signer(LOG)
        root_key = notary.signer(ROOT)
        notary.append_signed([sign(add_key(new.public, (LOG,), "worker").to_bytes(), root_key)])
        voided = revoke_key(old.public.keyid, size_of(notary), "rotated")
        notary.append_with(new, [sign(voided.to_bytes(), root_key)], signed_before=old.public)

    # The file is the old one: restored from a backup, or the rotation was killed right there.
    with pytest.raises(EvidenceError, match="role `log`") as refused:
        record(installation, 2)
    assert "keys rotate log" in refused.value.remedy
