"""What leaves is said before, counted after, and billed as the services bill."""

from collections import Counter
from datetime import date
from typing import Any

import pandas as pd
import pytest

from tasks.redaction.cloud.disclosing import disclosures, foretell, lapses, measure_texts
from tasks.redaction.cloud.params import ComprehendParams, GoogleDlpParams, MacieParams
from tests.tasks.redaction.cloud import test_aws_comprehend, test_google_dlp, test_macie

GOOGLE = GoogleDlpParams.model_validate(test_google_dlp.DECLARED)
AMAZON = ComprehendParams.model_validate({**test_aws_comprehend.DECLARED, "sends": "whole"})
MACIE = MacieParams.model_validate(test_macie.DECLARED)
DETECTORS = (GOOGLE, AMAZON)


def test_texts_are_measured_and_nothing_else_is() -> None:
    frame = pd.DataFrame({"note": ["Zoë", None, "", "x" * 301], "income": [1, 2, 3, 4]})
    volume = measure_texts([frame, frame.head(1)], ("note",), DETECTORS)
    assert (volume.texts, volume.bytes) == (3, 4 + 301 + 4)
    assert volume.units == {
        "google_dlp in europe-west3": 309,
        "aws_comprehend in eu-central-1": 3 + 4 + 3,
    }


def test_who_gets_what_where_and_under_which_agreement_is_said_before() -> None:
    frame = pd.DataFrame({"note": ["x" * 1_000_000] * 3})
    volume = measure_texts([frame], ("note",), DETECTORS)
    google, amazon = foretell(DETECTORS, ("note",), volume)
    assert google == (
        "texts, masked here first, of note leave for Google Cloud EMEA Ltd (google_dlp in "
        "europe-west3) under agreement A-17, in force until 2031-12-31: about 3 texts, "
        "3,000,000 bytes, 0.01 USD"
    )
    assert amazon.startswith("whole texts of note leave for Amazon Web Services EMEA SARL")
    assert amazon.endswith("3.00 USD")
    assert next(foretell(DETECTORS, ("note",))).endswith("2031-12-31")


def test_what_was_sent_is_reported_for_every_service_also_where_it_is_nothing() -> None:
    sent = {"aws_comprehend in eu-central-1": Counter(texts=2, bytes=50, units=6)}
    google, amazon = disclosures(DETECTORS, ("note",), sent)
    assert (google.texts, google.bytes, google.usd) == (0, 0, 0.0)
    assert (amazon.texts, amazon.bytes, amazon.units, amazon.usd) == (2, 50, 6, 0.0006)
    assert (amazon.agreement, amazon.sends, amazon.columns) == ("A-18", "whole", ("note",))


def test_an_agreement_holds_up_to_its_last_day() -> None:
    assert [*lapses(DETECTORS, MACIE, date(2031, 12, 31))] == []
    lines = [*lapses(DETECTORS, MACIE, date(2032, 1, 1))]
    assert [line.partition(":")[0] for line in lines] == [
        "detector `google_dlp in europe-west3`",
        "detector `aws_comprehend in eu-central-1`",
        "`redact.macie`",
    ]
    assert "expired on 2031-12-31" in lines[0]


@pytest.mark.parametrize(
    ("declared", "model"),
    [
        (test_google_dlp.DECLARED, GoogleDlpParams),
        (test_aws_comprehend.DECLARED, ComprehendParams),
        (test_macie.DECLARED, MacieParams),
    ],
)
@pytest.mark.parametrize("name", ["processor", "agreement", "expires", "requests_per_minute"])
def test_what_a_person_has_to_decide_has_no_default(
    declared: dict[str, Any], model: Any, name: str
) -> None:
    model.model_validate(declared)
    with pytest.raises(ValueError, match=name):
        model.model_validate({key: value for key, value in declared.items() if key != name})
