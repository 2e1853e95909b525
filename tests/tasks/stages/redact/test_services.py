"""Services of others: nothing leaves before it was said, nor beyond a limit or an agreement."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pandas as pd
import pytest

from tasks.errors import AgreementError, ConfigError, DataError
from tasks.redaction.params import RedactLimits, RedactParams
from tasks.redaction.tally import Tally
from tasks.settings import Settings
from tasks.stages.redact.pages import redaction_page
from tasks.stages.redact.stage import _announce_services
from tasks.stages.workspace import StageRun
from tests.tasks.redaction.cloud import test_aws_comprehend, test_google_dlp
from tests.tasks.redaction.test_params import LIMITS, PARAMS
from tests.tasks.stages.redact.test_judging import BUCKET, SENT

DETECTORS = [test_google_dlp.DECLARED, test_aws_comprehend.DECLARED]
TEXTS = ("note",)


@dataclass
class Run:
    """What the announcement needs of a stage's run: its rows, its day, its name."""

    today: str = "2026-11-27"
    case: str = "loan"
    reads: list[str] = field(default_factory=list)

    @property
    def installation(self) -> "Run":
        return self

    @property
    def settings(self) -> Settings:
        return Settings.from_environment({"PORTCULLIS_TODAY": self.today})

    def iter_rows(self, stage: str) -> Iterator[pd.DataFrame]:
        self.reads.append(stage)
        yield pd.DataFrame({"note": ["Zoë said", None, "no"]})


def announce(run: Run, sent_bytes: int | None, **changes: Any) -> None:
    params = RedactParams.model_validate({**PARAMS, "detectors": DETECTORS, **changes})
    limits = RedactLimits.model_validate({**LIMITS, "sent_bytes": sent_bytes})
    _announce_services(cast(StageRun, run), params, limits, TEXTS)


def test_every_recipient_is_said_with_how_much_before_anything_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        announce(Run(), 22)
    google, amazon = caplog.messages
    assert "Google Cloud EMEA Ltd (google_dlp in europe-west3)" in google
    assert "about 2 texts, 11 bytes" in google
    assert "Amazon Web Services EMEA SARL (aws_comprehend in eu-central-1)" in amazon
    assert "Zo" not in caplog.text


def test_one_byte_more_than_the_limit_for_all_of_them_is_refused() -> None:
    with pytest.raises(DataError, match=r"at most 21 bytes.*22 in texts.*Nothing was sent"):
        announce(Run(), 21)


def test_a_lapsed_agreement_and_a_missing_limit_stop_it_before_a_row_is_read() -> None:
    run = Run(today="2032-01-01")
    with pytest.raises(AgreementError, match="A-17 with Google Cloud EMEA Ltd expired"):
        announce(run, 1_000)
    with pytest.raises(ConfigError, match=r"limits\.redact\.sent_bytes"):
        announce(run, None)
    assert run.reads == []


def test_without_services_nothing_is_said_and_no_row_is_read_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = Run()
    announce(run, None, detectors=[])
    assert run.reads == []
    assert caplog.messages == []


def test_the_page_says_what_left_and_what_was_found() -> None:
    report = Tally(rows=1, texts=1).report(has_gold=False, sent=(SENT,), bucket=BUCKET)
    sections = {section.heading: section for section in redaction_page("loan", report, ()).sections}
    assert "Google Cloud EMEA Ltd" in str(sections["What left the house"])
    assert "A-17" in str(sections["What left the house"])
    (bucket,) = [section for heading, section in sections.items() if "Macie" in heading]
    assert "1 objects" in str(bucket)
    unasked = redaction_page("loan", Tally(rows=1, texts=1).report(has_gold=False), ())
    assert not [section for section in unasked.sections if "left" in section.heading]
