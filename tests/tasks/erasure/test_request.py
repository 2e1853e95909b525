"""Requests and what they wait for: what the journal stores, and what a statement may say of it."""

from datetime import date

import pytest

from tasks.erasure.request import Custody, Deferral, ErasureRequest, RequestState
from tasks.keystore.keys import Retention

DEFERRAL = Deferral(
    retention=Retention.DECISION_RECORD,
    basis="Court of X, case 7/2026",
    review=date(2027, 6, 1),
    is_held=True,
    custody=Custody.CUSTODIANS,
    key_id="ab" * 16,
)


def test_states_are_those_that_journals_have_stored() -> None:
    assert [state.value for state in RequestState] == [
        "running",
        "erased",
        "deferred",
        "set aside",
        "nothing was held",
    ]


def test_a_deferral_comes_back_from_the_journal_as_it_was() -> None:
    assert Deferral.from_dict(DEFERRAL.to_dict()) == DEFERRAL


def test_a_statement_names_the_basis_and_no_key() -> None:
    assert DEFERRAL.to_predicate().to_dict() == {
        "retention": "decision-record",
        "basis": "Court of X, case 7/2026",
        "review": "2027-06-01",
        "held": True,
        "custody": "two custodians",
    }


@pytest.mark.parametrize("key", ["retention", "basis", "review", "held", "custody", "key_id"])
def test_a_deferral_with_a_part_missing_is_no_deferral(key: str) -> None:
    values = DEFERRAL.to_dict()
    del values[key]
    with pytest.raises(KeyError, match=key):
        Deferral.from_dict(values)


def test_a_custody_that_nobody_has_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="one custodian"):
        Deferral.from_dict({**DEFERRAL.to_dict(), "custody": "one custodian"})


def test_a_new_request_is_running_and_keeps_nothing() -> None:
    request = ErasureRequest("E1", "b", "loan", date(2026, 1, 1), date(2026, 1, 2))

    assert request.state is RequestState.RUNNING
    assert request.deferral is None
    assert request.key_ids == {}
