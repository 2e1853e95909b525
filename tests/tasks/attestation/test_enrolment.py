"""What is not enrolled: each test makes one thing wrong about an enrolment that is in order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.dsse import sign
from tasks.attestation.enrolment import Enrolment, check_enrolment
from tasks.attestation.identities import person_sha256
from tasks.attestation.keyring import KeyRing, add_key, revoke_key
from tasks.attestation.roles import APPROVER, DEVELOPER, GATE, ROOT, VALIDATOR
from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import ConfigError

ANN_AT_BANK = person_sha256("ann@bank")


@pytest.fixture
def root_signer(tmp_path: Path) -> LocalSigner:
    return LocalSigner.make(tmp_path / "root.pem")


@pytest.fixture
def ann_signer(tmp_path: Path) -> LocalSigner:
    return LocalSigner.make(tmp_path / "ann.pem")


@pytest.fixture
def ring(root_signer: LocalSigner, ann_signer: LocalSigner) -> KeyRing:
    """A ring in which ann is enrolled."""
    ring = KeyRing(root_signer.public.keyid)
    added = [
        add_key(root_signer.public, (ROOT,), "worker"),
        add_key(
            ann_signer.public,
            (APPROVER,),
            "ann-7",
            logins=("ann",),
            emails_sha256=(ANN_AT_BANK,),
        ),
    ]
    for index, statement in enumerate(added):
        ring.replay(index, sign(statement.to_bytes(), root_signer))
    return ring


@pytest.fixture
def enrolment(tmp_path: Path) -> Enrolment:
    """An enrolment that is in order: bob's."""
    public = LocalSigner.make(tmp_path / "bob.pem").public
    return Enrolment(public, (APPROVER, VALIDATOR), "bob-8", ("bob",), (person_sha256("bob@bank"),))


def test_what_is_in_order_is_enrolled(enrolment: Enrolment, ring: KeyRing) -> None:
    check_enrolment(enrolment, ring)


def test_a_second_key_of_a_person_is_enrolled(enrolment: Enrolment, ring: KeyRing) -> None:
    check_enrolment(replace(enrolment, holder="ann-7", logins=("ann", "ann@bank")), ring)


def test_a_key_of_another_worker_needs_no_login(enrolment: Enrolment, ring: KeyRing) -> None:
    check_enrolment(Enrolment(enrolment.public, (GATE,), "worker"), ring)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"roles": (APPROVER, APPROVER)}, "each role once; found `approval` twice"),
        ({"holder": "bob\n8"}, "--holder: expected 1 to 128 letters"),
        ({"holder": "b\u043eb"}, "--holder: expected 1 to 128 letters"),
        ({"logins": ("bob", "b\x1b[1mob")}, "--login: expected 1 to 128 letters"),
        ({"logins": ()}, "--login: expected the login of bob-8"),
        ({"roles": (DEVELOPER,), "logins": ()}, "none, for role `developer`"),
        ({"holder": "worker"}, "the staff id of a person; found `worker`"),
        ({"holder": "Worker"}, "the staff id of a person; found `worker`"),
        ({"holder": "Ann-7"}, "`ann-7`, as it is enrolled; found `Ann-7`"),
        ({"holder": "ann"}, "`ann`, which is enrolled for ann-7"),
        ({"logins": ("bob", "ANN")}, "`ANN`, which is enrolled for ann-7"),
        ({"logins": ("ann-7",)}, "`ann-7`, which is enrolled for ann-7"),
        ({"emails_sha256": (ANN_AT_BANK,)}, "an address, which is enrolled for ann-7"),
        ({"logins": ("ann@bank",)}, "an address, which is enrolled for ann-7"),
    ],
)
def test_what_would_not_mean_what_it_says_is_refused(
    enrolment: Enrolment, ring: KeyRing, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        check_enrolment(replace(enrolment, **change), ring)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("holder", ["ann-7", "bob-8", "worker"])
def test_a_key_is_enrolled_once_whoever_is_to_hold_it(
    enrolment: Enrolment, ring: KeyRing, ann_signer: LocalSigner, holder: str
) -> None:
    again = replace(enrolment, public=ann_signer.public, holder=holder)
    if holder == "worker":
        again = Enrolment(ann_signer.public, (GATE,), holder)
    with pytest.raises(ConfigError, match="one that entry 1 enrolled for ann-7"):
        check_enrolment(again, ring)


def test_a_revoked_key_is_not_enrolled_again(
    enrolment: Enrolment, ring: KeyRing, ann_signer: LocalSigner, root_signer: LocalSigner
) -> None:
    revoked = revoke_key(ann_signer.public.keyid, 2, "stolen")
    ring.replay(2, sign(revoked.to_bytes(), root_signer))
    again = replace(enrolment, public=ann_signer.public, holder="ann-7", logins=("ann",))
    with pytest.raises(ConfigError, match="is void from entry 2 on"):
        check_enrolment(again, ring)


def test_a_name_of_a_person_whose_key_was_revoked_stays_theirs(
    enrolment: Enrolment, ring: KeyRing, ann_signer: LocalSigner, root_signer: LocalSigner
) -> None:
    revoked = revoke_key(ann_signer.public.keyid, 2, "stolen")
    ring.replay(2, sign(revoked.to_bytes(), root_signer))
    with pytest.raises(ConfigError, match="enrolled for ann-7"):
        check_enrolment(replace(enrolment, logins=("bob", "ann")), ring)
