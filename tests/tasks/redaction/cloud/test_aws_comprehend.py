"""`DetectPiiEntities`, against a server on loopback held to the service's own model."""

import logging
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from tasks.errors import ConfigError, ServiceError
from tasks.redaction.cloud.aws_comprehend import KINDS, Comprehend
from tasks.redaction.cloud.params import ComprehendParams
from tests.tasks.redaction.cloud.clouds import Answer, Cloud, amazon, amazon_credentials, serving

DECLARED: dict[str, Any] = {
    "kind": "aws_comprehend",
    "region": "eu-central-1",
    "language": "en",
    "min_score": 0.5,
    "processor": "Amazon Web Services EMEA SARL",
    "agreement": "A-18",
    "expires": "2031-12-31",
    "requests_per_minute": 60_000,
    "attempts": 3,
    "usd_per_unit": 0.0001,
}
NAMES = {"Zoe\u0308": "NAME", "李明": "NAME", "Main St": "ADDRESS", "hunter2": "PASSWORD"}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    amazon_credentials(monkeypatch)
    with serving(amazon(NAMES)) as cloud:
        yield cloud


def detector(cloud: Cloud, **changes: Any) -> Comprehend:
    return Comprehend(
        ComprehendParams.model_validate({**DECLARED, "endpoint": cloud.address, **changes})
    )


def test_entities_lie_where_they_stand_and_an_unplaced_kind_is_an_identifier(
    cloud: Cloud,
) -> None:
    texts = ["👩‍👩‍👧 Zoe\u0308 of Main St", "nobody", "\U0001d518 e\u0301 李明 hunter2"]
    found = detector(cloud).find(texts)
    words = [
        [(text[span.start : span.end], span.kind) for span in spans]
        for text, spans in zip(texts, found, strict=True)
    ]
    assert words == [
        [("Zoe\u0308", "PERSON"), ("Main St", "LOCATION")],
        [],
        [("李明", "PERSON"), ("hunter2", "ID")],
    ]
    assert len(cloud.asked) == len(texts)


def test_a_long_text_is_sent_in_pieces_that_the_service_takes(cloud: Cloud) -> None:
    text = "👩‍👧 " * 10_000 + "Zoe\u0308"
    ((span,),) = detector(cloud).find([text])
    assert text[span.start : span.end] == "Zoe\u0308"
    assert len(cloud.asked) > 1


def test_every_kind_that_is_placed_is_one_of_the_services_own() -> None:
    model = botocore.session.get_session().get_service_model("comprehend")
    assert set(KINDS) <= set(model.shape_for("PiiEntityType").enum)


def test_what_is_not_sure_enough_is_left_out(cloud: Cloud) -> None:
    assert detector(cloud, min_score=0.95).find(["李明"]) == [[]]


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, "ThrottlingException"), (500, "InternalServerException"), (503, "ServiceUnavailable")],
)
def test_a_service_that_stumbles_is_asked_again(cloud: Cloud, status: int, error: str) -> None:
    cloud.failures = [(status, {"__type": error})] * 2
    ((span,),) = detector(cloud).find(["李明"])
    assert span.kind == "PERSON"
    assert len(cloud.asked) == 3


ENTITY = {"Score": 0.9, "Type": "NAME", "BeginOffset": 0, "EndOffset": 2}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, {"__type": "ThrottlingException", "message": "李明"}), "ClientError"),
        ((500, {"__type": "InternalServerException"}), "found InternalServerException"),
        ((400, {"__type": "AccessDeniedException"}), "ClientError"),
        ((200, {}), "an entity of another form"),
        ((200, {"Entities": [{**ENTITY, "EndOffset": 99}]}), "an entity of another form"),
        ((200, {"Entities": [{**ENTITY, "EndOffset": 0}]}), "an entity of another form"),
        ((200, {"Entities": [{"Type": "NAME"}]}), "an entity of another form"),
    ],
)
def test_what_is_no_answer_is_never_nothing_found(cloud: Cloud, answer: Answer, words: str) -> None:
    cloud.failures = [answer] * 9
    with pytest.raises(ServiceError, match=words) as raised:
        detector(cloud).find(["李明 says"])
    assert "李明" not in str(raised.value)


def test_no_word_of_a_text_is_logged_even_for_debugging(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        detector(cloud).find(["Zoe of Main St"])
    assert "Main St" not in caplog.text


def test_an_address_in_the_environment_takes_no_text_elsewhere(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert len(detector(cloud).find(["李明"])[0]) == 1


def test_without_credentials_it_says_so_before_anything_is_sent(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(ConfigError, match="credentials"):
        detector(cloud)
    assert cloud.asked == []
