"""A checkpoint has one form: each way to write it otherwise is refused, and said to be that way."""

import base64
from pathlib import Path

import pytest

from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import EvidenceError
from tasks.ledger.checkpoint import (
    COSIGNATURE,
    Checkpoint,
    cosignature_time,
    cosigned_bytes,
    key_hash,
    read_checkpoint,
    sign_checkpoint,
    verify_note,
)

ORIGIN = "portcullis/x"
WITNESS = "w.example"
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(range(32)))
ROOT = base64.b64encode(bytes(range(32))).decode()
LINE = "— a " + base64.b64encode(b"12345").decode()
TIME = 1_700_000_000


@pytest.fixture
def signer(tmp_path: Path) -> LocalSigner:
    return LocalSigner.make(tmp_path / "key.pem")


@pytest.fixture
def witness(tmp_path: Path) -> LocalSigner:
    return LocalSigner.make(tmp_path / "witness.pem")


def line_of(name: str, blob: bytes) -> str:
    return f"— {name} {base64.b64encode(blob).decode()}\n"


def cosignature(witness: LocalSigner, checkpoint: Checkpoint, seconds: int) -> str:
    """Return the line of a witness, as C2SP's tlog-cosignature has it."""
    signature = witness.sign(cosigned_bytes(checkpoint, seconds))
    blob = key_hash(WITNESS, witness.public.raw, COSIGNATURE) + seconds.to_bytes(8) + signature
    return line_of(WITNESS, blob)


@pytest.mark.parametrize("size", ["0", "1", "10", "18446744073709551616"])
def test_a_size_is_any_decimal_number(size: str) -> None:
    checkpoint, _ = read_checkpoint(f"a\n{size}\n{ROOT}\n\n{LINE}\n")
    assert checkpoint == Checkpoint("a", int(size), bytes(range(32)))


@pytest.mark.parametrize("size", ["00", "01", "-1", "+1", "1_0", "0x1", "²", "٣", " 1"])
def test_a_size_in_another_form_is_refused(size: str) -> None:
    with pytest.raises(EvidenceError, match="expected a decimal size") as refusal:
        read_checkpoint(f"a\n{size}\n{ROOT}\n\n{LINE}\n")
    assert f"found {size!r}" in str(refusal.value)


@pytest.mark.parametrize(
    ("note", "lines"),
    [
        ("", 1),
        (f"a\n1\n{ROOT}\n", 4),
        (f"a\n1\n{ROOT}\n\n{LINE}", 3),
        (f"\n1\n{ROOT}\n\n{LINE}\n", 3),
        (f"a\n1\n\n{LINE}\n", 2),
        (f"a\n1\n{ROOT}\nmore\n\n{LINE}\n", 4),
    ],
)
def test_a_note_of_other_lines_is_refused(note: str, lines: int) -> None:
    words = f"expected three lines, an empty one and signatures; found {lines} lines"
    with pytest.raises(EvidenceError, match=words):
        read_checkpoint(note)


@pytest.mark.parametrize(
    "encoded",
    [
        base64.b64encode(bytes(31)).decode(),
        base64.b64encode(bytes(33)).decode(),
        "A" * 42 + "B=",  # 32 zero bytes, with a bit set that belongs to none of them
    ],
)
def test_a_root_of_another_length_or_form_is_refused(encoded: str) -> None:
    with pytest.raises(EvidenceError) as refusal:
        read_checkpoint(f"a\n1\n{encoded}\n\n{LINE}\n")
    assert refusal.value.expected == "a root of 32 bytes in canonical base64"
    assert refusal.value.found == repr(encoded)


@pytest.mark.parametrize("encoded", ["AA*A", "AAA", "ü"])
def test_a_root_that_is_no_base64_is_refused(encoded: str) -> None:
    with pytest.raises(EvidenceError, match="expected base64") as refusal:
        read_checkpoint(f"a\n1\n{encoded}\n\n{LINE}\n")
    assert f"found {encoded!r}" in str(refusal.value)


def test_what_is_refused_says_what_to_do() -> None:
    with pytest.raises(EvidenceError) as refusal:
        read_checkpoint("")
    assert (refusal.value.where, refusal.value.remedy) == (
        "checkpoint",
        "It was altered: fetch it again.",
    )


@pytest.mark.parametrize(
    "line",
    [
        LINE.removeprefix("— "),
        LINE.replace(" a ", "  "),
        line_of("a", b"1234").removesuffix("\n"),  # a key's hash, and no signature
        "— a MTIzNDV=",  # as LINE, with a bit that belongs to no byte
    ],
)
def test_a_signature_line_in_another_form_is_refused(line: str) -> None:
    with pytest.raises(EvidenceError, match="expected a signature line") as refusal:
        read_checkpoint(f"a\n1\n{ROOT}\n\n{line}\n")
    assert f"found {line[:40]!r}" in str(refusal.value)


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        (f"a\n0{'1' * 80}\n{ROOT}\n\n{LINE}\n", repr("0" + "1" * 39)),
        (f"a\n1\n{'A' * 100}\n\n{LINE}\n", repr("A" * 60)),
        (f"a\n1\n{'*' * 100}\n\n{LINE}\n", repr("*" * 40)),
        (f"a\n1\n{ROOT}\n\n{'n' * 80} {LINE[4:]}\n", repr("n" * 40)),
    ],
)
def test_what_is_refused_is_shown_by_its_beginning_alone(note: str, shown: str) -> None:
    with pytest.raises(EvidenceError) as refusal:
        read_checkpoint(note)
    assert refusal.value.found == shown


def test_a_name_with_a_space_is_refused() -> None:
    with pytest.raises(EvidenceError, match="expected base64"):
        read_checkpoint(f"a\n1\n{ROOT}\n\n{LINE.replace(' a ', ' a b ')}\n")


def test_signatures_are_read_in_their_order() -> None:
    note = f"a\n1\n{ROOT}\n\n{line_of('a', b'1234567')}{line_of('b', b'abcde')}"
    _, signatures = read_checkpoint(note)
    assert [(line.name, line.key_hash, line.signature) for line in signatures] == [
        ("a", b"1234", b"567"),
        ("b", b"abcd", b"e"),
    ]


def test_a_signature_that_does_not_verify_does_not_hide_the_next(signer: LocalSigner) -> None:
    text, _, own = sign_checkpoint(CHECKPOINT, signer).partition("\n\n")
    false = line_of(ORIGIN, key_hash(ORIGIN, signer.public.raw) + bytes(64))
    assert verify_note(f"{text}\n\n{false}{own}", signer.public, ORIGIN) == CHECKPOINT


def test_a_signature_of_somebody_else_does_not_hide_the_next(signer: LocalSigner) -> None:
    text, _, own = sign_checkpoint(CHECKPOINT, signer).partition("\n\n")
    other = line_of(WITNESS, b"1234" + bytes(64))
    assert verify_note(f"{text}\n\n{other}{own}", signer.public, ORIGIN) == CHECKPOINT


def test_a_name_in_another_line_than_its_signature_verifies_nothing(signer: LocalSigner) -> None:
    blob = key_hash("other", signer.public.raw) + signer.sign(CHECKPOINT.text().encode())
    note = f"{CHECKPOINT.text()}\n{line_of(ORIGIN, blob)}"
    with pytest.raises(EvidenceError, match="none that verifies"):
        verify_note(note, signer.public, ORIGIN)


def test_a_note_that_nobody_signed_says_whose_signature_is_missing(
    signer: LocalSigner, witness: LocalSigner
) -> None:
    note = sign_checkpoint(CHECKPOINT, witness)
    with pytest.raises(EvidenceError) as refusal:
        verify_note(note, signer.public, ORIGIN)
    assert str(refusal.value) == (
        f"checkpoint of {ORIGIN}, size 7: expected a signature of {ORIGIN} "
        f"by key {signer.public.keyid[:12]}…; found none that verifies. Do not trust this copy "
        "of the log; compare it with its mirror or an older checkpoint."
    )


def test_a_witness_signs_a_line_of_its_time_above_the_checkpoint() -> None:
    text = f"cosignature/v1\ntime 1700000000\nportcullis/x\n7\n{ROOT}\n"
    assert cosigned_bytes(CHECKPOINT, TIME) == text.encode()


def test_a_cosignature_is_looked_for_behind_those_of_others(
    signer: LocalSigner, witness: LocalSigner
) -> None:
    note = sign_checkpoint(CHECKPOINT, signer) + cosignature(witness, CHECKPOINT, TIME)
    assert cosignature_time(note, witness.public, WITNESS) == TIME


def test_a_cosignature_of_another_length_does_not_hide_the_next(
    signer: LocalSigner, witness: LocalSigner
) -> None:
    short = line_of(WITNESS, key_hash(WITNESS, witness.public.raw, COSIGNATURE) + bytes(71))
    own = cosignature(witness, CHECKPOINT, TIME)
    note = sign_checkpoint(CHECKPOINT, signer) + short + own
    assert cosignature_time(note, witness.public, WITNESS) == TIME


def test_a_cosignature_of_another_checkpoint_counts_for_nothing(
    signer: LocalSigner, witness: LocalSigner
) -> None:
    other = Checkpoint(ORIGIN, 8, CHECKPOINT.root_hash)
    note = sign_checkpoint(CHECKPOINT, signer) + cosignature(witness, other, TIME)
    assert cosignature_time(note, witness.public, WITNESS) is None


def test_a_time_that_the_witness_did_not_sign_counts_for_nothing(
    signer: LocalSigner, witness: LocalSigner
) -> None:
    signature = witness.sign(cosigned_bytes(CHECKPOINT, TIME))
    blob = key_hash(WITNESS, witness.public.raw, COSIGNATURE) + (TIME + 1).to_bytes(8) + signature
    note = sign_checkpoint(CHECKPOINT, signer) + line_of(WITNESS, blob)
    assert cosignature_time(note, witness.public, WITNESS) is None


def test_an_ordinary_signature_of_a_witness_is_no_cosignature(
    signer: LocalSigner, witness: LocalSigner
) -> None:
    signature = witness.sign(cosigned_bytes(CHECKPOINT, TIME))
    blob = key_hash(WITNESS, witness.public.raw) + TIME.to_bytes(8) + signature
    note = sign_checkpoint(CHECKPOINT, signer) + line_of(WITNESS, blob)
    assert cosignature_time(note, witness.public, WITNESS) is None
