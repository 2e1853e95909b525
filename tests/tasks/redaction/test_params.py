"""The `redact:` section: what it refuses, and that no limit protecting people has a default."""

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.errors import ConfigError
from tasks.redaction.params import (
    ENTITIES,
    RedactLimits,
    RedactParams,
    require_known_kinds,
)

PARAMS: dict[str, Any] = {
    "model": "m",
    "min_score": 0.35,
    "tokenised": [],
    "dates": "year",
    "chunk_rows": 10,
}
LIMITS: dict[str, Any] = {
    "own_leak_ratio": 0,
    "third_person_leak_ratio": 0.05,
    "over_redaction_ratio": 0.01,
    "surviving_identifiers": 0,
    "withheld_ratio": 0.01,
}


def test_what_is_not_said_is_the_fast_mode_in_one_process() -> None:
    params = RedactParams.model_validate(PARAMS)
    assert (params.mode, params.profile) == ("fast", "default")
    assert params.entities == ENTITIES


@pytest.mark.parametrize("name", PARAMS)
def test_what_has_no_default_has_to_be_said(name: str) -> None:
    values = {key: value for key, value in PARAMS.items() if key != name}
    with pytest.raises(ValidationError, match=name):
        RedactParams.model_validate(values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "quick"),
        ("min_score", 1.1),
        ("min_score", -0.1),
        ("dates", "day"),
        ("chunk_rows", 0),
        ("profile", "gdpr"),
        ("unknown", 1),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        RedactParams.model_validate({**PARAMS, name: value})


def test_an_engine_of_its_own_is_refused_with_where_it_belongs() -> None:
    with pytest.raises(ValidationError, match="section `engine:` of the use case"):
        RedactParams.model_validate({**PARAMS, "engine": {"kind": "one_process"}})


def test_parameters_cannot_be_changed() -> None:
    params = RedactParams.model_validate(PARAMS)
    with pytest.raises(ValidationError, match="frozen"):
        params.min_score = 0.9  # type: ignore[misc] # that is the point


@pytest.mark.parametrize("name", LIMITS)
def test_no_limit_has_a_default(name: str) -> None:
    values = {key: value for key, value in LIMITS.items() if key != name}
    with pytest.raises(ValidationError, match=name):
        RedactLimits.model_validate(values)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [-0.1, float("nan")])
def test_a_limit_is_a_share_or_a_count(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        RedactLimits.model_validate({**LIMITS, name: value})


def test_not_applicable_needs_a_reason_of_some_length() -> None:
    with pytest.raises(ValidationError, match="not_applicable"):
        RedactLimits.model_validate({**LIMITS, "not_applicable": "no"})


def test_every_kind_that_goes_by_default_is_named_once() -> None:
    assert len(set(ENTITIES)) == len(ENTITIES)


def test_a_language_that_has_no_profile_is_refused() -> None:
    with pytest.raises(ValidationError, match="'en', 'de', 'fr' or 'es'"):
        RedactParams.model_validate(PARAMS | {"language": "it"})


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_other_languages_do_without_a_pipeline(language: str) -> None:
    params = RedactParams.model_validate(PARAMS | {"language": language, "model": None})
    assert (params.language, params.model) == (language, None)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"model": None}, "`language: en` needs a `model`"),
        ({"language": "de", "model": None, "mode": "exact"}, "`mode: exact` needs a `model`"),
        ({"language": "de", "profile": "hipaa"}, "`profile: hipaa` needs `language: en`"),
    ],
)
def test_what_a_language_cannot_do_is_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        RedactParams.model_validate(PARAMS | values)


def test_a_kind_that_is_never_found_is_refused_with_the_one_that_was_meant() -> None:
    require_known_kinds(("PERSON", "US_SSN", "OWN_KIND"), {"OWN_KIND"})
    with pytest.raises(ConfigError, match="Did you mean `PERSON` for `PERSN`"):
        require_known_kinds(("PERSN",), ())
