"""A proof of one entry reads back from its one form, and proves that entry and no other."""

import base64

import pytest

from tasks.errors import EvidenceError
from tasks.ledger.proof import HEADER, Proof, proof_of, read_proof
from tests.tasks.small_log import SmallLog

HASHES = (bytes(range(32)), bytes(32))
NOTE = "a\n5\nroot\n\n— a line\n"  # which `read_proof` hands on unread
STEPS = [base64.b64encode(step).decode() for step in HASHES]
TEXT = "\n".join([HEADER, "index 3", *STEPS]) + "\n\n" + NOTE


@pytest.fixture
def log(small: SmallLog) -> SmallLog:
    small.add(7)
    return small


def proof_in(log: SmallLog, index: int) -> Proof:
    note = log.ledger.store.head()
    assert note is not None
    return proof_of(log.ledger, index, note)


def test_the_header_is_that_of_the_specification() -> None:
    assert HEADER == "c2sp.org/tlog-proof@v1"


def test_a_proof_is_written_in_the_form_of_the_specification() -> None:
    assert Proof(3, HASHES, NOTE).text() == TEXT


def test_a_proof_reads_back() -> None:
    assert read_proof(TEXT, "entry 3") == Proof(3, HASHES, NOTE)


def test_a_proof_in_a_log_of_one_entry_has_no_steps() -> None:
    alone = Proof(0, (), NOTE)
    assert read_proof(alone.text(), "entry 0") == alone


@pytest.mark.parametrize("index", [0, 3, 6])
def test_a_proof_from_the_log_proves_its_entry(log: SmallLog, index: int) -> None:
    leaf = log.ledger.tiles.record(index).leaf()
    proof = proof_in(log, index)
    assert proof.index == index
    assert proof.proves(leaf)


def test_a_proof_proves_no_other_entry(log: SmallLog) -> None:
    assert not proof_in(log, 3).proves(log.ledger.tiles.record(4).leaf())


def test_a_proof_under_an_older_checkpoint_leads_to_its_root(log: SmallLog) -> None:
    older = log.ledger.store.head()
    assert older is not None
    log.add(4)
    proof = proof_of(log.ledger, 3, older)
    assert proof.note == older
    assert proof.proves(log.ledger.tiles.record(3).leaf())


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("@v1", "@v2"),
        TEXT.replace("index 3", "index 03"),
        TEXT.replace("index 3", "index  3"),
        TEXT.replace("index 3", "3"),
        TEXT.replace(STEPS[0], base64.b64encode(bytes(31)).decode()),
        TEXT.replace(STEPS[0], base64.b64encode(bytes(33)).decode()),
        TEXT.replace(STEPS[1], "A" * 42 + "B="),  # a bit that belongs to no byte
        TEXT.replace("\n\n", "\n", 1).replace("\n\n", "\n", 1),
    ],
)
def test_a_proof_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(EvidenceError, match=r"^entry 3: expected a proof \(c2sp\.org/tlog-proof"):
        read_proof(text, "entry 3")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (HEADER, "IndexError"),
        ("", "IndexError"),
        (TEXT.replace("index 3", "index three"), "ValueError"),
        (TEXT.replace(STEPS[0], "AAA"), "Error"),
        (TEXT.replace(STEPS[0], STEPS[0] + "*"), "Error"),
    ],
)
def test_what_is_no_proof_is_refused_by_the_kind_of_its_fault(text: str, kind: str) -> None:
    with pytest.raises(EvidenceError, match=f"found {kind}"):
        read_proof(text, "entry 3")


def test_a_proof_in_another_form_says_what_to_do() -> None:
    with pytest.raises(EvidenceError, match=r"found another form.* It was altered: ask for it"):
        read_proof(TEXT.replace("@v1", "@v2"), "entry 3")
