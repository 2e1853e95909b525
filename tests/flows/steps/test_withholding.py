"""Exceptions leave a flow or task without what they quote: Prefect stores whole tracebacks."""

import traceback
from collections.abc import Callable

import pytest
from prefect.exceptions import Pause

from flows.steps.withholding import WithheldError, withholding_texts
from tasks.errors import EvidenceError

CANARY = "Zyx Canary"


def raise_foreign() -> None:
    int(CANARY)


def raise_ours() -> None:
    try:
        int(CANARY)
    except ValueError as error:
        raise EvidenceError("ledger", expected="entries", found="none", remedy="") from error


def text_of(function: Callable[[], None]) -> tuple[BaseException, str]:
    """Return what a function raises, and its whole traceback as Prefect stores it."""
    try:
        withholding_texts()(function)()
    except Exception as error:
        return error, "".join(traceback.format_exception(error))
    pytest.fail("it raised nothing")


@pytest.fixture(autouse=True)
def _no_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTCULLIS_DEBUG", raising=False)


def test_a_foreign_exception_keeps_its_class_and_place_alone() -> None:
    error, text = text_of(raise_foreign)
    assert isinstance(error, WithheldError)
    assert "ValueError at " in text
    assert "test_withholding.py:" in text
    assert CANARY not in text


def test_an_error_of_ours_keeps_its_text_and_loses_its_cause() -> None:
    error, text = text_of(raise_ours)
    assert isinstance(error, EvidenceError)
    assert "expected entries; found none" in text
    assert CANARY not in text


def test_prefect_suspends_a_run_by_an_exception_of_its_own() -> None:
    def suspend() -> None:
        raise Pause("suspended")

    with pytest.raises(Pause):
        withholding_texts()(suspend)()


def test_a_result_passes_through() -> None:
    assert withholding_texts()(lambda: 7)() == 7


def test_everything_is_shown_for_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_DEBUG", "1")
    assert CANARY in text_of(raise_foreign)[1]
    assert CANARY in text_of(raise_ours)[1]
