"""Which services a use case may declare, and which it may not."""

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.engines import EngineParams
from tasks.errors import ConfigError
from tasks.redaction.params import (
    RedactLimits,
    RedactParams,
    require_one_place,
    require_service_limits,
)
from tests.tasks.redaction.cloud import test_aws_comprehend, test_google_dlp, test_macie
from tests.tasks.redaction.test_params import LIMITS, PARAMS

GOOGLE = test_google_dlp.DECLARED
AMAZON = test_aws_comprehend.DECLARED


def test_nobody_is_asked_by_default() -> None:
    params = RedactParams.model_validate(PARAMS)
    assert params.detectors == ()
    assert params.macie is None
    require_service_limits(params, RedactLimits.model_validate(LIMITS), "loan")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"location": "global"}, "location"),
        ({"location": "eu"}, "location"),
        ({"location": "europe-west3/../global1"}, "location"),
        ({"project": "Bank Redaction"}, "project"),
        ({"sends": "all"}, "sends"),
        ({"attempts": 0}, "attempts"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"usd_per_gigabyte": -1}, "usd_per_gigabyte"),
        ({"api_key": "k"}, "api_key"),
        ({"endpoint": "http://dlp.example"}, "in clear"),
        ({"endpoint": "http://127.0.0.1.example"}, "in clear"),
        ({"endpoint": "https://a:b@dlp.example"}, "without credentials"),
        ({"endpoint": "https://dlp.example/?key=k"}, "without credentials"),
    ],
)
def test_what_is_no_service_in_one_place_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RedactParams.model_validate({**PARAMS, "detectors": [{**GOOGLE, **changes}]})


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "ap-southeast-4"])
def test_a_region_is_one_place(region: str) -> None:
    declared = {**PARAMS, "detectors": [{**AMAZON, "region": region}]}
    (detector,) = RedactParams.model_validate(declared).detectors
    assert detector.region == region


def test_google_is_asked_at_its_regional_address() -> None:
    (detector,) = RedactParams.model_validate({**PARAMS, "detectors": [GOOGLE]}).detectors
    assert detector.model_dump()["endpoint"] is None
    assert detector.address == "https://dlp.europe-west3.rep.googleapis.com"  # type: ignore[union-attr]


def test_a_quota_is_kept_by_one_process_alone() -> None:
    params = RedactParams.model_validate({**PARAMS, "detectors": [GOOGLE]})
    require_one_place(params, EngineParams(), "loan")
    several = EngineParams.model_validate({"kind": "processes", "workers": 2})
    require_one_place(RedactParams.model_validate(PARAMS), several, "loan")
    with pytest.raises(ConfigError, match="one_process"):
        require_one_place(params, several, "loan")
    with pytest.raises(ValidationError, match="twice"):
        RedactParams.model_validate({**PARAMS, "detectors": [GOOGLE, GOOGLE]})


@pytest.mark.parametrize(
    ("declared", "limit"),
    [({"detectors": [GOOGLE]}, "sent_bytes"), ({"macie": test_macie.DECLARED}, "bucket_objects")],
)
def test_a_service_needs_its_limit(declared: dict[str, Any], limit: str) -> None:
    params = RedactParams.model_validate({**PARAMS, **declared})
    with pytest.raises(ConfigError, match=limit):
        require_service_limits(params, RedactLimits.model_validate(LIMITS), "loan")
    require_service_limits(params, RedactLimits.model_validate({**LIMITS, limit: 0}), "loan")
