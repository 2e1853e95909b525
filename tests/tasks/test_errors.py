"""Refusals: what programs match is an id, whoever wrote it; what people read may be anything."""

import pickle
from typing import Any

import pytest

from tasks.errors import (
    APPROVAL_KINDS,
    PortcullisError,
    Refusal,
    RefusalKind,
    RefusedError,
    ServiceError,
)


def test_every_kind_is_one_that_a_refusal_may_have() -> None:
    for kind in RefusalKind:
        assert Refusal(kind, "why").kind == kind


def test_a_bank_s_policy_may_have_a_kind_of_its_own() -> None:
    assert Refusal.from_dict({"kind": "board.absent", "text": "why"}).kind == "board.absent"


@pytest.mark.parametrize("kind", ["", "approval", "approval: nobody", "Approval.missing", "a.b.c"])
def test_a_sentence_is_no_kind(kind: str) -> None:
    with pytest.raises(ValueError, match="no kind of refusal"):
        Refusal(kind, "why")


def test_a_refusal_says_why() -> None:
    with pytest.raises(ValueError, match="without a text"):
        Refusal(RefusalKind.CHECK_FAILED, "")


def test_what_is_written_is_read_again() -> None:
    refusal = Refusal(RefusalKind.APPROVAL_MISSING, "approval: nobody")
    assert Refusal.from_dict(refusal.to_dict()) == refusal
    assert str(refusal) == "approval: nobody"


@pytest.mark.parametrize(
    "values",
    [None, "a line", [], {}, {"kind": "a.b"}, {"text": "x"}, {"kind": "a.b", "text": "x", "y": 1}],
)
def test_what_is_no_refusal_is_not_read(values: Any) -> None:
    with pytest.raises(ValueError, match="not a refusal"):
        Refusal.from_dict(values)


def test_only_a_second_person_s_signature_is_missing_where_every_kind_is_of_approval() -> None:
    named = {kind for kind in RefusalKind if kind.startswith("approval.")}
    assert {*named, RefusalKind.IN_FORCE_APPROVAL_MISSING} == APPROVAL_KINDS


def test_a_refused_error_counts_its_refusals_and_shows_a_line_each() -> None:
    refusals = (Refusal("check.failed", "one"), Refusal("check.undecided", "two"))
    error = RefusedError("register@loan", refusals, remedy="Mend it.")
    assert error.lines == ("one", "two")
    assert error.exit_code == 3
    assert str(error) == (
        "register@loan: expected every required gate to pass; found 2 that did not. Mend it."
    )


def test_a_refusal_for_a_check_names_it_and_others_are_written_as_before() -> None:
    refusal = Refusal(RefusalKind.CHECK_UNDECIDED, "why", "fairness", "fairness.theil_index")
    assert Refusal.from_dict(refusal.to_dict()) == refusal
    assert Refusal("a.b", "why").to_dict() == {"kind": "a.b", "text": "why"}


@pytest.mark.parametrize("about", [{"gate": 1}, {"check": None}, {"report": "r"}])
def test_a_refusal_is_about_a_gate_and_a_check_and_nothing_more(about: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a refusal"):
        Refusal.from_dict({"kind": "a.b", "text": "why"} | about)


@pytest.mark.parametrize(
    "error",
    [
        ServiceError("a", expected="b", found="c", remedy="d."),
        RefusedError("a", (Refusal("check.failed", "why"),), remedy="d."),
    ],
)
def test_an_error_crosses_processes_whole(error: PortcullisError) -> None:
    crossed = pickle.loads(pickle.dumps(error))
    assert type(crossed) is type(error)
    assert (str(crossed), vars(crossed)) == (str(error), vars(error))
