"""A witness behind `urlopen`: what it is asked, and which of its answers count."""

import base64
import io
import shutil
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from urllib.response import addinfourl

import pytest

from tasks.anchoring.anchor_files import MOST_ANSWER_BYTES
from tasks.anchoring.witness import CONFLICT, TIMEOUT_SECONDS, Witness, cosign, cosigned_up_to
from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import ConfigError, EvidenceError, ServiceError
from tasks.ledger.checkpoint import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    cosigned_bytes,
    key_hash,
    read_checkpoint,
)
from tasks.ledger.merkle import verify_consistency
from tests.installations import installation_with_home
from tests.tasks.small_log import SmallLog

NAME = "w.example"
COSIGNED_AT = 1_800_000_000


def verifier_key_of(signer: LocalSigner, name: str = NAME, kind: bytes = COSIGNATURE) -> str:
    raw = signer.public.raw
    return f"{name}+{key_hash(name, raw, kind).hex()}+{base64.b64encode(kind + raw).decode()}"


class FakeWitness:
    """A witness (C2SP tlog-witness) with a memory of one log; faults are set from outside."""

    def __init__(self, signer: LocalSigner) -> None:
        self.signer = signer
        self.name = NAME
        self.cosigned_size = 0
        self.cosigned_root = b""
        self.requests: list[str] = []
        self.urls: list[str] = []
        self.signed_time = COSIGNED_AT
        self.refusal: urllib.error.URLError | None = None

    def open(self, request: urllib.request.Request, *, timeout: float) -> addinfourl:
        assert timeout == TIMEOUT_SECONDS
        assert isinstance(request.data, bytes)
        body = request.data.decode()
        self.requests.append(body)
        self.urls.append(request.full_url)
        if self.refusal is not None:
            raise self.refusal

        head_lines, _, note = body.partition("\n\n")
        old_line, *proof_lines = head_lines.split("\n")
        checkpoint = read_checkpoint(note)[0]
        if int(old_line.removeprefix("old ")) != self.cosigned_size:
            raise http_error(CONFLICT, f"{self.cosigned_size}\n")
        proof = [base64.b64decode(line) for line in proof_lines]
        if self.cosigned_size and not verify_consistency(
            self.cosigned_size, checkpoint.size, self.cosigned_root, checkpoint.root_hash, proof
        ):
            raise http_error(422, "")

        self.cosigned_size = checkpoint.size
        self.cosigned_root = checkpoint.root_hash
        answer = io.BytesIO(self.line_over(checkpoint).encode())
        return addinfourl(answer, Message(), request.full_url, 200)

    def line_over(self, checkpoint: Checkpoint) -> str:
        """Return the signature line that it answers with."""
        signature = self.signer.sign(cosigned_bytes(checkpoint, COSIGNED_AT))
        hint = key_hash(self.name, self.signer.public.raw, COSIGNATURE)
        encoded = base64.b64encode(hint + self.signed_time.to_bytes(8) + signature).decode()
        return f"— {self.name} {encoded}\n"


def http_error(status: int, text: str) -> urllib.error.HTTPError:
    return urllib.error.HTTPError(
        "https://w.example", status, "", Message(), io.BytesIO(text.encode())
    )


@pytest.fixture
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWitness:
    """A witness that is configured."""
    fake = FakeWitness(LocalSigner.make(tmp_path / "witness.pem"))
    monkeypatch.setattr(urllib.request, "urlopen", fake.open)
    monkeypatch.setenv("PORTCULLIS_WITNESS_URL", "https://w.example/")
    monkeypatch.setenv("PORTCULLIS_WITNESS_KEY", verifier_key_of(fake.signer))
    return fake


def cosign_here(small: SmallLog) -> None:
    cosign(small.ledger, installation_with_home(small.folder))


def size_cosigned(small: SmallLog, witness: FakeWitness) -> int:
    trusted = Witness.parse(verifier_key_of(witness.signer))
    return cosigned_up_to(small.ledger, small.folder, trusted)


def anchors(small: SmallLog) -> list[str]:
    folder = small.folder / "anchors"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_first_request_has_no_old_size_and_no_proof(
    small: SmallLog, witness: FakeWitness
) -> None:
    small.add(3)
    cosign_here(small)
    assert witness.requests == [f"old 0\n\n{small.note}"]
    assert witness.urls == ["https://w.example/add-checkpoint"]


def test_a_later_request_proves_that_the_log_goes_on(small: SmallLog, witness: FakeWitness) -> None:
    small.add(3)
    cosign_here(small)
    small.add(4)
    cosign_here(small)

    head_lines, _, note = witness.requests[1].partition("\n\n")
    proof = [base64.b64encode(step).decode() for step in small.ledger.consistency(3, 7)]
    assert head_lines.split("\n") == ["old 3", *proof]
    assert note == small.note


def test_what_is_kept_is_the_checkpoint_with_the_cosignature(
    small: SmallLog, witness: FakeWitness
) -> None:
    small.add(3)
    cosign_here(small)
    kept = (small.folder / "anchors/3.checkpoint").read_text()
    assert kept == small.note + witness.line_over(read_checkpoint(small.note)[0])


def test_the_same_checkpoint_is_not_asked_for_twice(small: SmallLog, witness: FakeWitness) -> None:
    small.add(3)
    cosign_here(small)
    cosign_here(small)
    assert len(witness.requests) == 1


def test_without_a_witness_nobody_is_asked(
    small: SmallLog, witness: FakeWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORTCULLIS_WITNESS_URL")
    small.add(3)
    cosign_here(small)
    assert witness.requests == []


def test_a_witness_without_its_key_is_refused_before_it_is_asked(
    small: SmallLog, witness: FakeWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORTCULLIS_WITNESS_KEY")
    small.add(3)
    with pytest.raises(ConfigError, match="WITNESS_KEY"):
        cosign_here(small)
    assert witness.requests == []


def test_a_witness_that_remembers_more_is_asked_once_more_from_there(
    small: SmallLog, witness: FakeWitness
) -> None:
    small.add(3)
    cosign_here(small)
    (small.folder / "anchors/3.checkpoint").unlink()
    small.add(1)
    cosign_here(small)
    assert [body.partition("\n")[0] for body in witness.requests[1:]] == ["old 0", "old 3"]
    assert size_cosigned(small, witness) == 4


def test_a_witness_that_saw_more_entries_than_there_are_refuses(
    small: SmallLog, witness: FakeWitness
) -> None:
    small.add(3)
    witness.cosigned_size = 9
    with pytest.raises(EvidenceError, match="expected its signature under 3 entries"):
        cosign_here(small)
    assert anchors(small) == []


def test_a_witness_that_saw_another_log_refuses(small: SmallLog, witness: FakeWitness) -> None:
    small.add(3)
    witness.cosigned_size = 2
    witness.cosigned_root = b"\0" * 32
    with pytest.raises(EvidenceError, match="HTTP 422"):
        cosign_here(small)
    assert anchors(small) == []


@pytest.mark.parametrize("text", ["", "none", "-1", "3 4"])
def test_a_conflict_without_a_size_is_a_refusal(
    small: SmallLog, witness: FakeWitness, text: str
) -> None:
    small.add(3)
    witness.refusal = http_error(CONFLICT, text)
    with pytest.raises(EvidenceError, match="HTTP 409"):
        cosign_here(small)
    assert len(witness.requests) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_an_error_of_the_witness_is_named_by_its_status(
    small: SmallLog, witness: FakeWitness, status: int
) -> None:
    small.add(3)
    witness.refusal = http_error(status, "")
    with pytest.raises(EvidenceError, match=f"HTTP {status}"):
        cosign_here(small)


def test_a_witness_that_cannot_be_reached_is_down_and_asked_again(
    small: SmallLog, witness: FakeWitness
) -> None:
    small.add(3)
    witness.refusal = urllib.error.URLError("no route")
    with pytest.raises(ServiceError, match="witness: expected an answer; found URLError"):
        cosign_here(small)
    assert anchors(small) == []

    witness.refusal = None
    cosign_here(small)
    assert size_cosigned(small, witness) == 3


def test_another_key_s_cosignature_is_refused_and_not_kept(
    small: SmallLog, witness: FakeWitness
) -> None:
    small.add(3)
    witness.signer = LocalSigner.make(small.folder / "thief.pem")
    with pytest.raises(EvidenceError, match="none that verifies"):
        cosign_here(small)
    assert anchors(small) == []


def test_a_cosignature_under_another_name_is_refused(small: SmallLog, witness: FakeWitness) -> None:
    small.add(3)
    witness.name = "v.example"
    with pytest.raises(EvidenceError, match="none that verifies"):
        cosign_here(small)


def test_a_cosignature_with_another_time_is_refused(small: SmallLog, witness: FakeWitness) -> None:
    small.add(3)
    witness.signed_time = COSIGNED_AT + 1
    with pytest.raises(EvidenceError, match="none that verifies"):
        cosign_here(small)


def test_a_cosignature_of_another_checkpoint_is_refused(
    small: SmallLog, witness: FakeWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.add(2)
    earlier_line = witness.line_over(read_checkpoint(small.note)[0])
    small.add(1)
    monkeypatch.setattr(witness, "line_over", lambda _: earlier_line)
    with pytest.raises(EvidenceError, match="none that verifies"):
        cosign_here(small)


def test_nothing_is_cosigned_at_first(small: SmallLog, witness: FakeWitness) -> None:
    assert size_cosigned(small, witness) == 0


def test_the_largest_of_several_cosigned_checkpoints_counts(
    small: SmallLog, witness: FakeWitness
) -> None:
    for entries in (8, 3):  # sizes 8 and 11: as texts, `11` comes before `8`
        small.add(entries)
        cosign_here(small)
    small.add(1)
    assert anchors(small) == ["11.checkpoint", "8.checkpoint"]
    assert size_cosigned(small, witness) == 11


def test_what_a_former_witness_cosigned_proves_nothing(
    small: SmallLog, witness: FakeWitness
) -> None:
    small.add(3)
    cosign_here(small)
    witness.signer = LocalSigner.make(small.folder / "new.pem")
    assert size_cosigned(small, witness) == 0


def test_a_log_that_was_rolled_back_is_found_out(small: SmallLog, witness: FakeWitness) -> None:
    small.add(3)
    cosign_here(small)
    (small.folder / "shorter").mkdir()
    shorter = SmallLog(small.folder / "shorter")
    shorter.add(2)

    trusted = Witness.parse(verifier_key_of(witness.signer))
    with pytest.raises(EvidenceError, match="the log that it cosigned at 3 entries"):
        cosigned_up_to(shorter.ledger, small.folder, trusted)
    shorter.ledger.close()


def test_an_empty_log_is_found_out_too(small: SmallLog, witness: FakeWitness) -> None:
    small.add(3)
    cosign_here(small)
    (small.folder / "empty").mkdir()
    empty = SmallLog(small.folder / "empty")

    trusted = Witness.parse(verifier_key_of(witness.signer))
    with pytest.raises(EvidenceError, match="rolled back or forked"):
        cosigned_up_to(empty.ledger, small.folder, trusted)
    empty.ledger.close()


def test_a_verifier_key_names_witness_and_key(small: SmallLog) -> None:
    witness = Witness.parse(verifier_key_of(small.signer))
    assert (witness.name, witness.key.keyid) == (NAME, small.signer.public.keyid)


def test_a_key_of_a_log_is_none_of_a_witness(small: SmallLog) -> None:
    with pytest.raises(ConfigError, match="another kind"):
        Witness.parse(verifier_key_of(small.signer, kind=ED25519))


def test_a_verifier_key_under_another_name_is_refused(small: SmallLog) -> None:
    key = verifier_key_of(small.signer).replace(NAME, "v.example")
    with pytest.raises(ConfigError, match="another hash"):
        Witness.parse(key)


@pytest.mark.parametrize("spoiled", ["", "!", "=", "AAAA"])
def test_a_verifier_key_of_other_bytes_is_refused(small: SmallLog, spoiled: str) -> None:
    head, _, encoded = verifier_key_of(small.signer).rpartition("+")
    with pytest.raises(ConfigError, match="WITNESS_KEY"):
        Witness.parse(f"{head}+{spoiled}{encoded[4:]}")


def test_a_witness_tells_that_everything_here_was_rolled_back_together(
    small: SmallLog, witness: FakeWitness
) -> None:
    small.add(3)
    small.ledger.close()
    earlier = {
        path.name: path.read_bytes() for path in small.folder.iterdir() if path.suffix != ".pem"
    }
    small.ledger = small.open()
    small.add(2)
    cosign_here(small)
    small.ledger.close()

    # What was cosigned lies in this installation, too, and goes with the rest.
    shutil.rmtree(small.folder / "anchors")
    for name, body in earlier.items():
        (small.folder / name).write_bytes(body)
    small.ledger = small.open()
    assert small.ledger.audit().size == 3
    with pytest.raises(EvidenceError, match="does not continue the one it saw"):
        cosign_here(small)


@pytest.mark.parametrize("text", ["\u00b2", "9" * 5_000, "-1", "1 2"])
def test_a_size_that_is_none_is_no_size(small: SmallLog, witness: FakeWitness, text: str) -> None:
    small.add(3)
    witness.refusal = http_error(CONFLICT, text)
    with pytest.raises(EvidenceError, match="found HTTP 409"):
        cosign_here(small)
    assert len(witness.requests) == 1


def test_a_witness_whose_answer_has_no_end_is_down(small: SmallLog, witness: FakeWitness) -> None:
    small.add(3)
    witness.refusal = http_error(CONFLICT, "9" * (MOST_ANSWER_BYTES + 1))
    with pytest.raises(ServiceError, match="found AnswerTooLongError"):
        cosign_here(small)


def test_a_cosignature_that_could_not_be_kept_whole_is_asked_for_again(
    small: SmallLog, witness: FakeWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.add(3)
    with monkeypatch.context() as context:
        context.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("no room")))
        with pytest.raises(OSError, match="no room"):
            cosign_here(small)
    cosign_here(small)
    assert size_cosigned(small, witness) == 3
