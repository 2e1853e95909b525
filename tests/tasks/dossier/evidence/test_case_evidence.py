"""Evidence that is taken away turns a claim into a gap; bytes count by their digest alone."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.records import SUITE, SuiteRun
from tasks.attestation.statement import Artefact
from tasks.dossier.claims import Claim, Missing, Statable
from tasks.dossier.composing import compose_dossier
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.evidence.model_facts import find_code
from tasks.dossier.subject import DossierSubject
from tasks.formats.regular_file import read_regular_file
from tasks.gates import Outcome
from tasks.verifier.statement_index import Signed
from tests.tasks.dossier.making import GOVERNANCE, SmallDossier
from tests.tasks.predicate_samples import BATCH, CODE, REFUSAL

# Each reference, and a stage or gate whose statement it cannot do without.
DEPENDING = {
    "gate:fairness": "fairness",
    "check:fairness.measure": "fairness",
    "artefact:admit/sources.json": "admit",
    "stage:train": "train",
    "decision": "register",
}


def entry_of(small: SmallDossier, name: str) -> int:
    evidence = small.subject().evidence
    # A gate that is a stage of the lineage has two statements: `train` is looked up as a stage.
    if name in evidence.chain.verdicts and name != "train":
        return evidence.chain.verdicts[name].signed.index
    if name == "register":
        assert evidence.decision is not None
        return evidence.decision.index
    step = evidence.step(name)
    assert step is not None
    return step.signed.index


@pytest.mark.parametrize("reference", DEPENDING)
def test_a_statement_that_is_deleted_turns_its_claim_into_a_gap(
    small: SmallDossier, reference: str
) -> None:
    assert isinstance(small.subject().evidence.find(reference), Claim)
    without = small.read(without=entry_of(small, DEPENDING[reference]))
    found = small.subject(log=without).evidence.find(reference)
    assert isinstance(found, Lacking)
    assert found.reason


def test_whichever_statement_is_deleted_no_claim_that_stood_on_it_alone_stays(
    declared: SmallDossier,
) -> None:
    """Of every entry that any page refers to: without it the dossier is made, and says less."""
    whole = claims_of(declared.subject())
    entries = {entry for _, _, references in whole for entry in references}
    assert len(entries) > len(DEPENDING)
    for entry in sorted(entries):
        resting = {claim for claim in whole if claim[2] == (entry,)}
        left = claims_of(declared.subject(log=declared.read(without=entry)))
        assert not resting & left
        assert not any(entry in references for _, _, references in left)


def claims_of(subject: DossierSubject) -> set[tuple[str, tuple[str, ...], tuple[int, ...]]]:
    """Return every claim of every page: its page, its labels and the entries behind it."""
    return {
        (page.name, row.labels, tuple(sorted({ref.entry for ref in row.answer.references})))
        for page in compose_dossier(subject)
        for row in page.answered_rows()
        if isinstance(row.answer, Claim)
    }


def test_every_reference_of_the_governance_is_of_a_known_kind(small: SmallDossier) -> None:
    evidence = small.subject().evidence
    names = {
        *(name for row in GOVERNANCE.requirements for name in row.evidence),
        *(name for row in GOVERNANCE.threats for name in row.evidence),
    }
    for name in names:
        evidence.find(name)


def test_a_reference_of_an_unknown_kind_is_a_fault_of_the_governance(small: SmallDossier) -> None:
    with pytest.raises(ValueError, match="no kind of reference"):
        small.subject().evidence.find("hearsay:bank")


def test_bytes_that_were_not_signed_are_not_quoted(fresh: SmallDossier) -> None:
    assert not isinstance(fresh.subject().evidence.read_artefact("admit/sources.json"), Lacking)
    path = fresh.folder / "data" / "tiny" / "admit" / "sources.json"
    path.write_bytes(path.read_bytes().replace(b"controller", b"processor "))
    found = fresh.subject().evidence.read_artefact("admit/sources.json")
    assert isinstance(found, Lacking)
    assert "bytes that were signed" in found.reason


def test_a_section_that_no_statement_names_is_not_quoted(small: SmallDossier) -> None:
    found = small.subject(train={"family": "oracle"}).evidence.find("declared:train")
    assert isinstance(found, Lacking)


def test_a_failed_gate_is_evidence_against(fresh: SmallDossier) -> None:
    fresh.signed_log.say_judged("fairness", Outcome.FAIL)
    found = fresh.subject().evidence.find("gate:fairness")
    assert isinstance(found, Claim)
    assert found.is_against


@pytest.mark.parametrize("is_failed", [False, True])
def test_a_decision_against_the_model_is_evidence_against(
    fresh: SmallDossier, is_failed: bool
) -> None:
    refusals = (REFUSAL,) if is_failed else ()
    fresh.signed_log.say_decided("register", refusals)
    found = fresh.subject().evidence.find("decision")
    assert isinstance(found, Claim)
    assert found.is_against is is_failed


@pytest.mark.parametrize(
    ("locks", "text", "is_against"),
    [
        (("a" * 64, "a" * 64), "lock sha256:aaaaaaaaaaaa…, 0 modules outside it", False),
        (("a" * 64, "b" * 64), "2 different locks, 0 modules outside it", True),
        (("a" * 64, ""), "a stage ran without a lock, 0 modules outside it", True),
    ],
)
def test_stages_that_ran_by_another_lock_or_none_are_evidence_against(
    small: SmallDossier, locks: tuple[str, str], text: str, is_against: bool
) -> None:
    evidence = small.subject().evidence
    steps = tuple(
        replace(step, signed=with_lock(step.signed, locks[number % 2]))
        for number, step in enumerate(evidence.chain.steps)
    )
    found = find_code(replace(evidence, chain=replace(evidence.chain, steps=steps)))
    assert isinstance(found, Claim)
    assert (found.text, found.is_against) == (text, is_against)


def with_lock(signed: Signed[Provenance], lock_sha256: str) -> Signed[Provenance]:
    code = replace(CODE, lock_sha256=lock_sha256, foreign=())
    run = replace(signed.predicate.run, code=code)
    return replace(signed, predicate=replace(signed.predicate, run=run))


@pytest.mark.parametrize(
    ("batches", "events"),
    [
        ([(0, 10, 2), (10, 30, 3)], 5),
        ([(0, 10, 2), (10, 30, 3), (0, 40, 6)], 6),  # the mark was lost
        ([(0, 10, 2), (10, 30, 3), (30, 35, 1), (10, 40, 5)], 7),  # an older mark was restored
        ([(0, 10, 2), (0, 10, 2)], 2),
        ([(0, 10, 2), (5, 10, 1)], 2),
    ],
)
def test_an_event_that_was_signed_for_twice_counts_once(
    fresh: SmallDossier, batches: list[tuple[int, int, int]], events: int
) -> None:
    for start, end, count in batches:
        batch = replace(BATCH, start=start, end=end, events=count)
        fresh.signed_log.say(batch, Artefact(f"audit/{batch.file}", "6" * 64))
    found = fresh.subject().evidence.find("audit")
    assert isinstance(found, Claim)
    assert found.text == f"{events} audit events in {len(batches)} signed batches"


def test_a_file_of_the_case_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = b"reasons: []\n"
    pinned = {"reasons": {"path": "reasons.yaml", "sha256": sha256(signed).hexdigest()}}
    small = SmallDossier(tmp_path, sections={"explain": pinned})
    path = tmp_path / "reasons.yaml"
    path.write_bytes(signed)

    def exchanged(place: Path, **limits: Any) -> bytes:
        content = read_regular_file(place, **limits)
        place.write_bytes(b"reasons: [forged]\n")
        return content

    monkeypatch.setattr("tasks.dossier.evidence.signed_files.read_regular_file", exchanged)
    found = small.subject().evidence.read_case_file("explain", "reasons")
    assert not isinstance(found, Lacking)
    assert found[0] == {"reasons": []}


def test_an_entry_that_was_edited_is_not_believed(small: SmallDossier) -> None:
    log = small.read()
    index = entry_of(small, "fairness")
    entry = log.entries[index]
    payload = entry.envelope.payload.replace(b'"PASSED"', b'"PASSEd"')
    forged = replace(entry, envelope=replace(entry.envelope, payload=payload))
    entries = (*log.entries[:index], forged, *log.entries[index + 1 :])
    found = small.subject(log=replace(log, entries=entries)).evidence.find("gate:fairness")
    assert isinstance(found, Lacking)


def record_tests(
    fresh: SmallDossier, *, tree_sha256: str = CODE.tree_sha256, **results: str
) -> int:
    """Append a run in which each test of one threat passed, but for those that are named."""
    (threat,) = (row for row in GOVERNANCE.threats if row.id == "spoofed-person")
    ended = {test: results.get(test.partition("::")[2], "passed") for test in threat.tests}
    run = SuiteRun(
        {test: result for test, result in ended.items() if result != "absent"},
        replace(CODE, tree_sha256=tree_sha256),
        "7" * 64,
        "2026-01-01T00:00:09Z",
    )
    return fresh.signed_log.say(run, Artefact(SUITE, "6" * 64))


def threat_answer(small: SmallDossier) -> Statable:
    (page,) = (page for page in compose_dossier(small.subject()) if page.name == "threats")
    (row,) = (
        row
        for row in page.answered_rows()
        if row.labels[0] == "One person approves as two" and len(row.labels) > 1
    )
    return row.answer


def with_code(fresh: SmallDossier) -> SmallDossier:
    """Let the release say by which code it ran."""
    fresh.signed_log.say_made("train/model", code=CODE)
    return fresh


def test_without_a_signed_run_of_tests_a_threat_is_a_gap(small: SmallDossier) -> None:
    answer = threat_answer(small)
    assert isinstance(answer, Missing)
    assert answer.what == "no signed statement of a test run"


def test_a_signed_run_of_the_release_s_own_code_answers(fresh: SmallDossier) -> None:
    index = record_tests(with_code(fresh))
    answer = threat_answer(fresh)
    assert isinstance(answer, Claim)
    assert answer.text == "3 tests passed on 2026-01-01"
    assert [reference.entry for reference in answer.references] == [index]


def test_the_last_run_counts_and_a_failure_is_evidence_against(fresh: SmallDossier) -> None:
    record_tests(with_code(fresh))
    record_tests(fresh, test_the_author_of_the_commit="failed")
    answer = threat_answer(fresh)
    assert isinstance(answer, Claim)
    assert answer.is_against
    assert answer.text == "1 of 3 tests failed on 2026-01-01"


@pytest.mark.parametrize("result", ["skipped", "absent"])
def test_a_test_that_did_not_run_is_a_gap(fresh: SmallDossier, result: str) -> None:
    record_tests(with_code(fresh), test_the_author_of_the_commit=result)
    answer = threat_answer(fresh)
    assert isinstance(answer, Missing)
    assert answer.what == "1 of 3 tests did not run on 2026-01-01"


def test_a_run_of_other_code_says_nothing(fresh: SmallDossier) -> None:
    record_tests(with_code(fresh), tree_sha256="0" * 64)
    answer = threat_answer(fresh)
    assert isinstance(answer, Missing)
    assert answer.what == "the last signed test run was of other code"


def test_what_has_only_to_be_shown_and_failed_is_no_bare_met(fresh: SmallDossier) -> None:
    asked = GOVERNANCE.requirement("MRM-3").model_copy(update={"evidence": ("gate:fairness",)})
    assert not asked.is_pass_needed
    governance = replace(GOVERNANCE, requirements=(asked,))
    for outcome, words in (
        (Outcome.PASS, "met"),
        (Outcome.FAIL, "met: shown, and not passed"),
    ):
        fresh.signed_log.say_judged("fairness", outcome)
        subject = fresh.subject(profile="us-credit", governance=governance)
        (controls,) = (page for page in compose_dossier(subject) if page.name == "controls")
        (row,) = controls.answered_rows()
        assert row.labels[2].removesuffix(", ahead") == words
