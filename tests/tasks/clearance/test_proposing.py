"""Proposals: drafted from the checkout and from what is in force, written, read and compared."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.artefacts import artefact
from tasks.attestation.predicates.in_force import Terms
from tasks.clearance.configuration import POLICY
from tasks.clearance.plans import plan_now
from tasks.clearance.policy import query_required_checks
from tasks.clearance.proposing import (
    ProposedChanges,
    compare_terms,
    draft_terms,
    read_proposal,
    write_proposal,
)
from tasks.errors import ConfigError, PortcullisError
from tasks.path import GATES
from tasks.verifier.in_force.law import Law
from tests.cases import change_case
from tests.installations import installation_at
from tests.tasks.judged import CASE, CHECKOUT
from tests.tasks.predicate_samples import TERMS


def draft(root: Path, law: Law | None = None, **changes: Any) -> Terms:
    return draft_terms(installation_at(root), law, ProposedChanges(**changes))


def test_a_first_draft_is_what_the_checkout_asks_for(signed: Path) -> None:
    terms = draft(signed)
    assert terms.policy_sha256 == artefact(signed, POLICY).sha256
    assert set(terms.gates) == {gate.name for gate in GATES}
    assert "train.auc_lower_end" in terms.gates["train"]
    assert terms.registry_names == {CASE: CASE}
    assert (terms.approvals.count, terms.anchors, terms.least_mode) == (0, {}, "local")
    assert terms.replaces == ""


def test_a_use_case_that_asks_for_approval_makes_the_first_draft_ask(signed: Path) -> None:
    change_case(signed, CASE, lambda values: values["register"].update(approval=True))
    assert draft(signed).approvals.count == 1


def test_a_later_draft_keeps_what_the_checkout_does_not_say(signed: Path) -> None:
    law = Law(1, TERMS, ())
    terms = draft(signed, law)
    assert terms.replaces == TERMS.sha256
    for name in (
        "unmeasured",
        "approvals",
        "anchors",
        "refs",
        "signers",
        "least_mode",
        "plans",
        "attempts",
        "people",
    ):
        assert getattr(terms, name) == getattr(TERMS, name)


def test_what_replaces_terms_of_before_is_in_the_form_of_today(signed: Path) -> None:
    earlier = replace(TERMS, plans={}, attempts=0, earlier_plan_sha256="")
    terms = draft(signed, Law(1, earlier, ()))
    assert terms.earlier_plan_sha256 is None
    assert terms.replaces == earlier.sha256


def test_a_proposal_of_before_is_not_signed_any_more(tmp_path: Path) -> None:
    earlier = replace(TERMS, plans={}, attempts=0, earlier_plan_sha256="a" * 64)
    write_proposal(earlier, tmp_path / "law.json")
    with pytest.raises(ConfigError, match="of before plans were sealed"):
        read_proposal(tmp_path / "law.json")


def test_a_change_that_is_asked_for_is_made(signed: Path) -> None:
    terms = draft(signed, approvals=2, refs=("refs/heads/main",), least_mode="enforced", people=2)
    assert (terms.approvals.count, terms.refs) == (2, ("refs/heads/main",))
    assert (terms.least_mode, terms.people) == ("enforced", 2)


def test_a_check_that_may_be_unmeasured_is_still_required_to_be_reported(signed: Path) -> None:
    terms = draft(signed, unmeasured=(f"{CASE}:train.auc_lost_to_champion",))
    assert terms.unmeasured == {CASE: ("train.auc_lost_to_champion",)}
    assert "train.auc_lost_to_champion" in terms.gates["train"]


@pytest.mark.parametrize(
    "asked",
    [f"{CASE}:train.brilliance", "other:train.auc_lost_to_champion", "train.auc_lost_to_champion"],
)
def test_a_check_that_nobody_knows_or_of_no_use_case_cannot_be_let_off(
    signed: Path, asked: str
) -> None:
    with pytest.raises(ConfigError, match=f"found {asked}"):
        draft(signed, unmeasured=(asked,))


def test_an_anchor_that_is_not_configured_cannot_be_required(signed: Path) -> None:
    with pytest.raises(ConfigError, match="anchor `mirror`"):
        draft(signed, anchors=("mirror",))


def test_an_anchor_is_required_by_whose_it_is(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_LEDGER_MIRROR", "s3://bank/log")
    assert draft(signed, anchors=("mirror",)).anchors == {"mirror": "s3://bank/log"}


@pytest.mark.parametrize("plan", ["abc", "A" * 64])
def test_what_nobody_could_sign_is_not_proposed(signed: Path, plan: str) -> None:
    with pytest.raises(ConfigError, match=rf"`plans\.{CASE}` is no sha256"):
        draft(signed, plans=(f"{CASE}:{plan}",))


def test_the_plan_of_a_use_case_is_by_default_the_one_that_lies_here(signed: Path) -> None:
    assert draft(signed, plans=(CASE,)).plans == {CASE: plan_now(CASE, signed).sha256}
    assert draft(signed, plans=(f"{CASE}:{'a' * 64}",)).plans == {CASE: "a" * 64}
    assert draft(signed, Law(1, TERMS, ()), plans=()).plans == {}


def test_a_plan_without_its_digest_is_not_the_one_that_lies_here(signed: Path) -> None:
    with pytest.raises(ConfigError, match=f"--plan.*found {CASE}:"):
        draft(signed, plans=(f"{CASE}:",))


def test_a_plan_of_no_use_case_cannot_be_required(signed: Path) -> None:
    with pytest.raises(ConfigError, match=r"--plan.*found other"):
        draft(signed, plans=("other",))


def test_the_number_of_attempts_can_be_bounded(signed: Path) -> None:
    assert draft(signed).attempts == 0
    assert draft(signed, attempts=3).attempts == 3


def test_the_policy_as_shipped_says_what_it_requires() -> None:
    required = query_required_checks(CHECKOUT)
    assert set(required) == {gate.name for gate in GATES}
    assert "fairness.theil_index" in required["fairness"]


@pytest.mark.parametrize("text", ["", "required_checks := {}\n", "required_checks := 1\n"])
def test_a_policy_that_requires_nothing_makes_no_proposal(signed: Path, text: str) -> None:
    (signed / POLICY / "clearance.rego").write_text(f"package portcullis.clearance\n{text}")
    with pytest.raises(PortcullisError, match="policy"):
        draft(signed)


# The file


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_proposal(TERMS, tmp_path / "law.json")
    assert read_proposal(tmp_path / "law.json") == TERMS


def values() -> dict[str, Any]:
    return {"format": "portcullis-in-force/v1", "terms": TERMS.to_dict()}


def changed(name: str, value: Any) -> str:
    return json.dumps({**values(), "terms": {**TERMS.to_dict(), name: value}})


NO_PROPOSALS = {
    "no JSON": ("{", "no JSON from line 1 on"),
    "no object": ("[]", "another format"),
    "another format": ('{"format": "x", "terms": {}}', "another format"),
    "a field more": (json.dumps({**values(), "more": 1}), "another format"),
    "a key twice": ('{"format": 1, "format": 2}', "a key twice in one object"),
    "a number that is none": (changed("people", float("nan")), "NaN or an infinity"),
    "letters that look alike": (changed("refs", ["refs/heads/m\u0430in"]), "not ASCII"),
    "a use case that looks alike": (changed("registryNames", {"loan": "l\u043ean"}), "not ASCII"),
    "a plan that looks like one": (changed("plans", {"l\u043ean": "a" * 64}), "not ASCII"),
    "an unknown term": (changed("colour", "red"), "unknown field `colour`"),
    "an unknown anchor": (changed("anchors", {"moon": "x"}), "anchor `moon`"),
    "an anchor of anybody": (changed("anchors", {"mirror": ""}), "an empty ref"),
    "an empty ref": (changed("refs", [""]), "an empty ref"),
    "no gates": (changed("gates", {}), "nothing would be required"),
    "an unknown mode": (changed("leastMode", "strict"), "`leastMode`"),
    "nobody": (changed("people", 0), "`people`"),
    "a crowd": (changed("people", 3), "`people`"),
    "true people": (changed("people", True), "`people` is no whole number"),
    "a plan of none": (changed("plans", {"": "a" * 64}), "an empty ref"),
    "attempts that are no number": (changed("attempts", "3"), "`attempts` is no whole number"),
    "no policy": (changed("policySha256", ""), "`policySha256` is no sha256"),
    "a terminal's control": (changed("refs", ["\x1b[2Krefs/heads/x"]), "cannot be printed"),
    "writing that turns": (changed("registryNames", {"\u202eloan": "x"}), "cannot be printed"),
    "a role of a worker": (
        changed("approvals", {"count": 1, "role": "gate", "capacity": ""}),
        "no role that a person holds",
    ),
}


@pytest.mark.parametrize("fault", NO_PROPOSALS)
def test_what_is_no_proposal_is_refused(tmp_path: Path, fault: str) -> None:
    text, reason = NO_PROPOSALS[fault]
    (tmp_path / "law.json").write_text(text)
    with pytest.raises(ConfigError, match=r"law\.json: expected a proposal") as refusal:
        read_proposal(tmp_path / "law.json")
    assert reason in str(refusal.value)


def test_a_file_that_is_not_there_is_no_proposal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found none"):
        read_proposal(tmp_path / "law.json")


def test_a_pipe_in_the_place_of_a_proposal_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "law.json")
    with pytest.raises(ConfigError, match="no regular file"):
        read_proposal(tmp_path / "law.json")


def test_a_proposal_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a file in a folder that exists; found no such folder"):
        write_proposal(TERMS, tmp_path / "nowhere" / "law.json")


# The comparison


def test_terms_do_not_differ_from_themselves() -> None:
    assert compare_terms(TERMS, TERMS) == ()


def test_what_changes_is_shown_and_nothing_else() -> None:
    after = replace(TERMS, least_mode="local", registry_names={"other": "tiny"})
    assert set(compare_terms(TERMS, after)) == {
        "- least mode     enforced",
        "+ least mode     local",
        "- registry name  tiny-model: use case tiny",
        "+ registry name  other: use case tiny",
    }


def test_every_term_shows_in_the_comparison() -> None:
    """What does not show, a second person signs without having seen it."""
    for name in TERMS.FIELDS:
        if name == "replaces":
            continue
        other = OTHER[name]
        assert compare_terms(TERMS, replace(TERMS, **other)), name


OTHER: dict[str, dict[str, Any]] = {
    "policySha256": {"policy_sha256": "0" * 64},
    "gates": {"gates": {"train": ("train.auc_lower_end",)}},
    "unmeasured": {"unmeasured": {}},
    "approvals": {"approvals": replace(TERMS.approvals, role="validation")},
    "registryNames": {"registry_names": {}},
    "anchors": {"anchors": {}},
    "refs": {"refs": ()},
    "signers": {"signers": ()},
    "leastMode": {"least_mode": "local"},
    "plans": {"plans": {}},
    "attempts": {"attempts": 0},
    "people": {"people": 1},
}
