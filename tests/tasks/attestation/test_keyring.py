"""The key ring, replayed from a log of its own: each test breaks one rule."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tasks.attestation.dsse import Envelope, sign
from tasks.attestation.identities import Identity
from tasks.attestation.keyring import TRUSTED_DIGITS, KeyRing, add_key, origin_of, revoke_key
from tasks.attestation.roles import APPROVER, GATE, KEY, LOG, ROOT
from tasks.attestation.signing_keys import LocalSigner, Signer
from tasks.attestation.statement import Artefact, Statement
from tasks.errors import EvidenceError
from tests.tasks.predicate_samples import SAMPLES

SAYING = Statement((Artefact("x", "a" * 64),), "https://example.org/anything", {})


@pytest.fixture
def root_signer(tmp_path: Path) -> LocalSigner:
    return LocalSigner.make(tmp_path / "root.pem")


@pytest.fixture
def gate_signer(tmp_path: Path) -> LocalSigner:
    return LocalSigner.make(tmp_path / "gate.pem")


@pytest.fixture
def ring(root_signer: LocalSigner) -> KeyRing:
    """A ring that has replayed entry 0."""
    ring = KeyRing(root_signer.public.keyid)
    ring.replay(0, signed(add_key(root_signer.public, (ROOT,), "worker"), root_signer))
    return ring


def signed(statement: Statement, signer: Signer) -> Envelope:
    return sign(statement.to_bytes(), signer)


def add(ring: KeyRing, index: int, by: Signer, key: Signer, roles: Iterable[str] = (GATE,)) -> None:
    ring.replay(index, signed(add_key(key.public, roles, "worker"), by))


def revoke(ring: KeyRing, index: int, by: Signer, key: Signer, valid_to: int) -> None:
    ring.replay(index, signed(revoke_key(key.public.keyid, valid_to, "stolen"), by))


def test_a_log_is_named_after_its_root_key(ring: KeyRing, root_signer: LocalSigner) -> None:
    assert ring.origin == origin_of(root_signer.public)
    assert ring.origin == f"portcullis/{root_signer.public.keyid[:32]}"


def test_a_root_key_that_is_not_trusted_begins_nothing(
    root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    ring = KeyRing(gate_signer.public.keyid)
    with pytest.raises(EvidenceError, match="the root key"):
        ring.replay(0, signed(add_key(root_signer.public, (ROOT,), "worker"), root_signer))


@pytest.mark.parametrize("digits", [0, 1, TRUSTED_DIGITS - 1])
def test_the_beginning_of_a_root_key_s_id_has_to_be_long(
    root_signer: LocalSigner, digits: int
) -> None:
    ring = KeyRing(root_signer.public.keyid[:digits])
    with pytest.raises(EvidenceError, match="the root key"):
        ring.replay(0, signed(add_key(root_signer.public, (ROOT,), "worker"), root_signer))


def test_a_root_key_signs_for_itself(root_signer: LocalSigner, gate_signer: LocalSigner) -> None:
    forged = signed(add_key(root_signer.public, (ROOT,), "worker"), gate_signer)
    with pytest.raises(EvidenceError, match="signed by itself"):
        KeyRing(root_signer.public.keyid).replay(0, forged)


def test_a_log_begins_with_a_key_entry_and_nothing_else(root_signer: LocalSigner) -> None:
    statement = add_key(root_signer.public, (ROOT,), "worker")
    approval = SAMPLES["approval"]
    other_type = Statement(statement.subjects, approval.TYPE, approval.to_dict())
    with pytest.raises(EvidenceError, match="signed by itself"):
        KeyRing(root_signer.public.keyid).replay(0, signed(other_type, root_signer))


def test_a_key_that_was_added_signs_in_its_role(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 1, root_signer, gate_signer)
    entry = ring.signed(2, signed(SAYING, gate_signer), GATE)
    assert (entry.holder, entry.since, entry.until) == ("worker", 1, None)


def test_a_key_that_the_log_does_not_name_signs_nothing(
    ring: KeyRing, gate_signer: LocalSigner
) -> None:
    with pytest.raises(EvidenceError, match="unknown"):
        ring.signed(2, signed(SAYING, gate_signer), GATE)


def test_a_key_signs_in_no_other_role(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 1, root_signer, gate_signer)
    with pytest.raises(EvidenceError, match=f"role `{LOG}`"):
        ring.signed(2, signed(SAYING, gate_signer), LOG)


def test_a_key_signs_nothing_before_it_was_added(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 5, root_signer, gate_signer)
    with pytest.raises(EvidenceError, match="void"):
        ring.signed(4, signed(SAYING, gate_signer), GATE)


def test_a_signature_over_other_bytes_is_refused(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 1, root_signer, gate_signer)
    envelope = signed(SAYING, gate_signer)
    forged = Envelope(
        envelope.payload + b" ", envelope.payload_type, envelope.keyid, envelope.signature
    )
    with pytest.raises(EvidenceError, match="does not verify"):
        ring.signed(2, forged, GATE)


def test_a_signature_as_another_type_is_refused(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 1, root_signer, gate_signer)
    with pytest.raises(EvidenceError, match="payload type"):
        ring.signed(2, sign(SAYING.to_bytes(), gate_signer, "text/plain"), GATE)


def test_only_the_root_key_adds_keys(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner, tmp_path: Path
) -> None:
    add(ring, 1, root_signer, gate_signer)
    with pytest.raises(EvidenceError, match=f"role `{ROOT}`"):
        add(ring, 2, gate_signer, LocalSigner.make(tmp_path / "third.pem"))


@pytest.mark.parametrize("roles", [(), ("king",), (GATE, "king")])
def test_a_key_is_added_with_known_roles_only(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner, roles: tuple[str, ...]
) -> None:
    with pytest.raises(EvidenceError, match="known roles"):
        add(ring, 1, root_signer, gate_signer, roles)


def test_a_key_entry_names_the_key_that_it_holds(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    honest = add_key(gate_signer.public, (GATE,), "worker")
    swapped = Statement((Artefact("key", "b" * 64),), KEY, honest.predicate)
    with pytest.raises(EvidenceError, match="key bbbb"):
        ring.replay(1, signed(swapped, root_signer))


def test_a_key_that_is_entered_twice_keeps_its_first_entry(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 1, root_signer, gate_signer)
    add(ring, 2, root_signer, gate_signer, (LOG,))
    assert ring.entries[gate_signer.public.keyid].roles == (GATE,)


def test_a_revoked_key_signs_nothing_from_there_on(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 1, root_signer, gate_signer)
    revoke(ring, 9, root_signer, gate_signer, valid_to=4)
    assert ring.signed(3, signed(SAYING, gate_signer), GATE)
    with pytest.raises(EvidenceError, match="entries 1 to 3"):
        ring.signed(4, signed(SAYING, gate_signer), GATE)


def test_a_revoked_key_is_not_revived_by_adding_it_again(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 1, root_signer, gate_signer)
    revoke(ring, 2, root_signer, gate_signer, valid_to=2)
    add(ring, 3, root_signer, gate_signer)
    assert ring.holders(GATE, 4) == ()


def test_a_second_revocation_can_only_void_more(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 1, root_signer, gate_signer)
    revoke(ring, 5, root_signer, gate_signer, valid_to=4)
    revoke(ring, 6, root_signer, gate_signer, valid_to=6)
    assert ring.entries[gate_signer.public.keyid].until == 4
    revoke(ring, 7, root_signer, gate_signer, valid_to=2)
    assert ring.entries[gate_signer.public.keyid].until == 2


@pytest.mark.parametrize(("valid_to", "words"), [(-1, "no whole number"), (6, "before this one")])
def test_a_key_is_revoked_from_an_entry_of_the_past(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner, valid_to: int, words: str
) -> None:
    add(ring, 1, root_signer, gate_signer)
    with pytest.raises(EvidenceError, match=words):
        revoke(ring, 5, root_signer, gate_signer, valid_to)


def test_a_key_that_nobody_knows_cannot_be_revoked(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    with pytest.raises(EvidenceError, match="a known key"):
        revoke(ring, 5, root_signer, gate_signer, valid_to=2)


def test_the_holders_of_a_role_are_those_at_an_index(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 3, root_signer, gate_signer)
    revoke(ring, 8, root_signer, gate_signer, valid_to=6)
    by_index = [len(ring.holders(GATE, index)) for index in (2, 3, 5, 6)]
    assert by_index == [0, 1, 1, 0]


def test_two_keys_of_one_holder_are_one_person(
    ring: KeyRing, root_signer: LocalSigner, tmp_path: Path
) -> None:
    entries = {"first": ("ann",), "second": ("ann@bank",)}
    for index, (name, logins) in enumerate(entries.items(), start=1):
        public = LocalSigner.make(tmp_path / f"{name}.pem").public
        statement = add_key(public, (APPROVER,), "ann-7", logins=logins)
        ring.replay(index, signed(statement, root_signer))
    assert ring.identity_of("ANN-7").names == {"ann-7", "ann", "ann@bank"}
    assert ring.people_like(Identity.of(("Ann",))) == (ring.identity_of("ann-7"),)


def test_who_gave_a_key_up_stays_who_they_are(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    statement = add_key(gate_signer.public, (APPROVER,), "ann-7", logins=("ann",))
    ring.replay(1, signed(statement, root_signer))
    revoke(ring, 2, root_signer, gate_signer, valid_to=1)
    assert ring.people_like(Identity.of(("ann",)))


def test_the_worker_is_nobody(
    ring: KeyRing, root_signer: LocalSigner, gate_signer: LocalSigner
) -> None:
    add(ring, 1, root_signer, gate_signer)
    assert ring.people_like(Identity.of(("worker",))) == ()
