"""Which detectors are opened, and which of their spans are wanted."""

import pytest

from tasks.redaction.cloud import opening
from tasks.redaction.cloud.opening import open_second_opinion
from tasks.redaction.columns import hipaa
from tasks.redaction.opening import open_detectors
from tasks.redaction.params import RedactParams
from tasks.redaction.spans import Span, mask
from tests.tasks.redaction.cloud import test_aws_comprehend
from tests.tasks.redaction.cloud.test_sending import WordDetector
from tests.tasks.redaction.test_params import PARAMS


class DateDetector(WordDetector):
    """Takes its words for dates."""

    def find(self, texts: list[str]) -> list[list[Span]]:  # type: ignore[override] # enough here
        return [
            [Span(span.start, span.end, "DATE_TIME") for span in spans]
            for spans in super().find(texts)
        ]


def masked(profile: str, monkeypatch: pytest.MonkeyPatch) -> str:
    declared = {**PARAMS, "profile": profile, "detectors": [test_aws_comprehend.DECLARED]}
    detector = DateDetector("3 May 1980", "2019")
    monkeypatch.setattr(opening, "_open", lambda *_: detector)
    opinion = open_detectors(RedactParams.model_validate(declared))
    assert opinion is not None
    text = "born 3 May 1980, here since 2019"
    ((spans,), _) = opinion.add([text], [()])
    return mask(text, spans)


def test_nothing_is_opened_by_default() -> None:
    assert open_detectors(RedactParams.model_validate(PARAMS)) is None
    assert open_second_opinion((), frozenset(hipaa.ENTITIES)) is None


def test_kinds_that_a_use_case_does_not_mask_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert masked("default", monkeypatch) == "born 3 May 1980, here since 2019"


def test_the_safe_harbour_masks_days_and_keeps_years(monkeypatch: pytest.MonkeyPatch) -> None:
    assert masked("hipaa", monkeypatch) == "born [DATE_TIME], here since 2019"
