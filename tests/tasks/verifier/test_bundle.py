"""Bundles: an outsider verifies every byte, and finds no value about a person in them."""

import json
from contextlib import nullcontext
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.cli.proof.bundle import write_verifier
from tasks.attestation.dsse import sign
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.records import LegalHold
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.roles import RECORDS
from tasks.attestation.statement import Artefact
from tasks.clearance.bundle_writer import COMPLETE_UP_TO, Contents, choose, files_of, scan
from tasks.errors import ConfigError, EvidenceError
from tasks.formats.archives import archive
from tasks.formats.canonical_json import canonical
from tasks.formats.digests import sha256_of
from tasks.gates import About, Check, Outcome, Verdict
from tasks.ledger.ledger import Ledger
from tasks.ledger.merkle import leaf_hash, root_hash_of
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.path import SUBJECTS
from tasks.verifier.answer import Answer
from tasks.verifier.bundle import DECISION, verify_bundle
from tasks.verifier.decision_proof import DecisionProof
from tasks.verifier.explanation_commitments import (
    ROOT_NAME,
    Explanation,
    ToldReason,
    commitment,
    prove,
    salt_of,
)
from tasks.verifier.lineage import Chain, examine, latest_decision
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tests.installations import installation_at
from tests.tasks.judged import CASE, CHECKOUT, present, sign_for
from tests.tasks.predicate_samples import POLICY, REPORT, RUN
from tests.tasks.verifier.offline import make_library, run_offline
from tests.tasks.verifier.signed_log import SignedLog, artefact_of, digest


def opened(root: Path) -> tuple[Ledger, Log, Chain]:
    ledger = open_ledger(installation_at(root))
    log = read_log(ledger, trusted_root(installation_at(root)), EVERYTHING)
    return ledger, log, examine(log, CASE, sha256_of(root / "data" / CASE / "train" / "model"))


def register(root: Path) -> None:
    (root / "data" / CASE / "register").mkdir(exist_ok=True)
    (root / "data" / CASE / "register" / "receipt.json").write_text("{}")
    sign_for(root, "register")


def decision_file(root: Path, row: int = 1) -> bytes:
    """Commit to three explanations and return the file that proves one."""
    model = sha256_of(root / "data" / CASE / "train" / "model")
    told = [Explanation(each, (ToldReason("L01", -0.5),), model, "1") for each in range(3)]
    leaves = [commitment(salt_of(b"k" * 32, "run", each), said) for each, said in enumerate(told)]
    (root / "data" / CASE / "explain" / "decisions.tree").write_bytes(b"".join(leaves))
    sign_for(root, "explain")
    ledger, log, _ = opened(root)
    ledger.close()
    index, path = prove(leaves, leaves[row])
    proof = DecisionProof(
        explanation=told[row],
        salt=salt_of(b"k" * 32, "run", row),
        index=index,
        size=3,
        tree_root=root_hash_of([leaf_hash(leaf) for leaf in leaves]),
        path=path,
        entry=log.statements(Provenance, f"{CASE}/{ROOT_NAME}")[-1].index,
    )
    return proof.to_bytes()


def files(root: Path, *, complete: bool = True, decision: bytes | None = None) -> dict[str, bytes]:
    ledger, log, chain = opened(root)
    also = () if decision is None else (json.loads(decision)["entry"],)
    contents = choose(log, chain, also=also, may_be_complete=complete)
    found = files_of(contents, ledger) | ({} if decision is None else {DECISION: decision})
    scan(contents, found)
    ledger.close()
    return found


@pytest.fixture
def bundle(signed: Path, tmp_path: Path) -> Path:
    register(signed)
    path = tmp_path / "bundle.zip"
    path.write_bytes(archive(files(signed)))
    return path


def root_key(signed: Path) -> str:
    ledger, log, _ = opened(signed)
    ledger.close()
    return next(iter(log.keys.entries))


def test_it_verifies_and_says_what_the_ledger_says(bundle: Path, signed: Path) -> None:
    found = verify_bundle(bundle, root_key(signed))
    assert found.chain.broken == ()
    assert found.chain.verdicts.keys() == SUBJECTS.keys()
    assert present(latest_decision(found.chain, "register")).predicate.result == "PASSED"
    assert len(found.log.entries) == found.log.head.size


def test_it_is_the_same_archive_every_time(bundle: Path, signed: Path) -> None:
    assert archive(files(signed)) == bundle.read_bytes()


# One character beyond the basic plane makes all of its text take four bytes a character.
@pytest.mark.parametrize(("character", "is_let_in"), [("a", True), ("\U0001f600", False)])
def test_a_text_counts_for_what_it_takes_in_memory(
    signed: Path, tmp_path: Path, character: str, is_let_in: bool
) -> None:
    hold = LegalHold("a case", f"{CASE}/", character + "a" * 200_000)
    with open_notary(installation_at(signed)) as notary:
        notary.record(hold.about(Artefact("hold", "0" * 64)), RECORDS)
    path = tmp_path / "bundle.zip"
    path.write_bytes(archive(files(signed)))
    expected = nullcontext() if is_let_in else pytest.raises(ConfigError, match="values")
    with expected:
        verify_bundle(path, most_bytes=512 << 10)


def test_another_root_key_is_not_trusted(bundle: Path) -> None:
    with pytest.raises(EvidenceError, match="root key 0000"):
        verify_bundle(bundle, "0" * 64)


@pytest.mark.parametrize("keyid", ["", "0" * 5, "0" * 31, "0" * 65, "g" * 64, "A" * 64])
def test_what_is_no_key_s_id_pins_nothing(bundle: Path, keyid: str) -> None:
    with pytest.raises(ConfigError, match="root key: expected its id"):
        verify_bundle(bundle, keyid)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], str, Path]:
    """A bundle with a decision in it, as files; made once."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("sample")
    patch.setenv("PORTCULLIS_HOME", str(folder / "home"))
    patch.delenv("PORTCULLIS_LEDGER_URL", raising=False)
    from tasks.stages.decide.stage import run
    from tasks.stages.workspace import StageRun
    from tests.tasks.judged import attested, judged

    root = judged(folder / "checkout")
    run(StageRun("decide", CASE, installation_at(root)))
    attested(root)
    decision = decision_file(root)
    register(root)
    found = files(root, decision=decision)
    trusted = root_key(root)
    patch.undo()
    return found, trusted, folder / "mutated.zip"


def test_the_sample_verifies_with_its_decision(sample: tuple[dict[str, bytes], str, Path]) -> None:
    found, trusted, path = sample
    path.write_bytes(archive(found))
    assert present(verify_bundle(path, trusted).decision).explanation.row == 1


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_byte_of_any_file_is_caught(
    sample: tuple[dict[str, bytes], str, Path], data: Any
) -> None:
    found, trusted, path = sample
    name = data.draw(st.sampled_from(sorted(found)))
    at = data.draw(st.integers(0, len(found[name]) - 1))
    flip = data.draw(st.integers(1, 255))
    changed = found[name][:at] + bytes([found[name][at] ^ flip]) + found[name][at + 1 :]
    path.write_bytes(archive(found | {name: changed}))
    with pytest.raises(EvidenceError):
        verify_bundle(path, trusted)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_byte_of_the_archive_itself_is_caught(
    sample: tuple[dict[str, bytes], str, Path], data: Any
) -> None:
    found, trusted, path = sample
    whole = archive(found)
    at, flip = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
    with pytest.raises(EvidenceError):
        verify_bundle(path, trusted)


@pytest.mark.parametrize("cut", [1, 100, 5000])
def test_a_truncated_and_a_lengthened_archive(bundle: Path, cut: int) -> None:
    whole = bundle.read_bytes()
    for changed in (whole[:-cut], whole + b"\0" * cut, b"x" * cut + whole):
        bundle.write_bytes(changed)
        with pytest.raises(EvidenceError):
            verify_bundle(bundle)


def test_every_file_is_needed_and_no_other_is_let_in(
    sample: tuple[dict[str, bytes], str, Path],
) -> None:
    found, trusted, path = sample
    for name in found:
        if name == DECISION:
            continue
        path.write_bytes(archive({each: body for each, body in found.items() if each != name}))
        with pytest.raises(EvidenceError):
            verify_bundle(path, trusted)
    path.write_bytes(archive(found | {"more.txt": b"trust me"}))
    with pytest.raises(EvidenceError, match=r"more.txt: expected no other files"):
        verify_bundle(path, trusted)


def test_statements_can_not_be_left_out_of_a_complete_one_nor_swapped(
    sample: tuple[dict[str, bytes], str, Path],
) -> None:
    found, trusted, path = sample
    *_, last = sorted(name for name in found if name.startswith("statements/"))
    stem = last.removeprefix("statements/").removesuffix(".json")
    less = {name: body for name, body in found.items() if stem not in name}
    path.write_bytes(archive(less))
    with pytest.raises(EvidenceError, match=r"report.json"):
        verify_bundle(path, trusted)
    path.write_bytes(archive(found | {last: found["statements/0000000003.json"]}))
    with pytest.raises(EvidenceError, match=last):
        verify_bundle(path, trusted)


def test_only_the_chain_and_that_is_said(signed: Path, tmp_path: Path) -> None:
    register(signed)
    sign_for(signed, "admit")
    sign_for(signed, "admit")
    found = files(signed, complete=False)
    path = tmp_path / "chain.zip"
    path.write_bytes(archive(found))
    verified = verify_bundle(path)
    assert len(verified.log.entries) < verified.log.head.size
    assert json.loads(found["report.json"])["extent"].startswith("chain only")


@pytest.mark.parametrize("field", ["salt", "index", "size", "root", "entry", "explanation", "path"])
def test_a_decision_that_was_not_committed(
    sample: tuple[dict[str, bytes], str, Path], field: str
) -> None:
    found, trusted, path = sample
    values = json.loads(found[DECISION])
    changed = {"salt": "00" * 32, "index": 2, "size": 4, "root": "00" * 32, "entry": 3, "path": []}
    values[field] = changed.get(field, values["explanation"] | {"row": 2})
    path.write_bytes(archive(found | {DECISION: canonical(values) + b"\n"}))
    with pytest.raises(EvidenceError, match=r"decision\.json"):
        verify_bundle(path, trusted)


def test_it_holds_nobody_else_s_explanation(sample: tuple[dict[str, bytes], str, Path]) -> None:
    found, _, _ = sample
    others = [salt_of(b"k" * 32, "run", row).hex().encode() for row in (0, 2)]
    assert not any(other in body for body in found.values() for other in others)
    assert ROOT_NAME


VALUES = (
    b"ann@example.org",
    b"123-45-6789",
    b"DE89 3704 0044 0532 0130 00",
    b"+49 170 1234567",
    b"192.168.17.4",
)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_about_a_person_is_not_handed_out(signed: Path, value: bytes) -> None:
    ledger, log, chain = opened(signed)
    contents = choose(log, chain)
    found = files_of(contents, ledger)
    scan(contents, found)
    ledger.close()
    with pytest.raises(EvidenceError, match="no value about a person") as error:
        scan(
            Contents(log, chain, log.entries, True),
            found | {"report.json": b'{"x":"' + value + b'"}'},
        )
    assert value.decode() not in str(error.value)


def test_a_bundle_of_more_values_than_are_let_in_is_not_called_altered(bundle: Path) -> None:
    size_bytes = bundle.stat().st_size
    with pytest.raises(ConfigError, match=r"statements of at most .* values so far; found more"):
        verify_bundle(bundle, most_bytes=size_bytes)
    assert verify_bundle(bundle, most_bytes=4 * size_bytes).is_complete


def test_the_largest_log_that_is_sent_whole_is_verified_by_default(tmp_path: Path) -> None:
    """A registry's store demands the whole log up to there, and would refuse every release."""
    log = SignedLog(tmp_path)
    log.say_chain()
    envelopes = []
    for gate in islice(cycle(SUBJECTS), COMPLETE_UP_TO - log.size):
        check = Check(f"{gate}.measure", "a measure", Outcome.PASS, 0.75, "at least 0.5")
        checks = tuple(replace(check, about=About(group=f"{group}")) for group in range(25))
        verdict = Verdict(gate, "tiny", checks, "8" * 64, {"report": "9" * 64})
        signed = SignedVerdict.of(replace(RUN, stage=gate), verdict, REPORT, (POLICY,))
        statement = signed.about(*[artefact_of(name) for name in SUBJECTS[gate]])
        envelopes.append(sign(statement.to_bytes(), log.signers[signed.role]))
    log.append_all(envelopes)

    read = log.read()
    contents = choose(read, examine(read, "tiny", digest("train/model")))
    assert contents.is_complete
    assert len(contents.entries) == COMPLETE_UP_TO
    path = tmp_path / "bundle.zip"
    path.write_bytes(archive(files_of(contents, log.ledger)))
    assert verify_bundle(path).is_complete


def test_the_verifier_is_one_file_that_needs_cryptography_and_nothing_else(
    bundle: Path, signed: Path, tmp_path: Path
) -> None:
    verifier = tmp_path / "portcullis-verify.pyz"
    write_verifier(verifier, CHECKOUT)
    library = make_library(tmp_path)
    arguments = (str(verifier), str(bundle), "--root", root_key(signed))

    done = run_offline(library, *arguments)
    assert done.returncode == 0, done.stderr
    assert "every byte verifies, and the model was cleared" in done.stdout

    done = run_offline(library, *arguments, encoding="ascii")
    assert done.returncode == 0, done.stderr
    assert "every byte verifies, and the model was cleared" in done.stdout
    done = run_offline(library, str(verifier), "--help", encoding="ascii")
    assert done.returncode == 0, done.stderr

    bundle.write_bytes(bundle.read_bytes()[:-1])
    done = run_offline(library, *arguments)
    assert done.returncode == Answer.BROKEN
    assert "DOES NOT VERIFY" in done.stderr
