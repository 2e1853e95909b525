"""`content.inspect`, against a server on loopback that speaks it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigError, ServiceError
from tasks.redaction.cloud.google_dlp import (
    KINDS,
    LIKELIHOODS,
    MOST_BYTES,
    GoogleDlp,
    _code_points,
)
from tasks.redaction.cloud.params import GoogleDlpParams
from tasks.redaction.params import ENTITIES
from tasks.redaction.spans import Span
from tests.tasks.redaction.cloud.clouds import Answer, Cloud, google, service_account, serving

DECLARED: dict[str, Any] = {
    "kind": "google_dlp",
    "project": "bank-redaction",
    "location": "europe-west3",
    "processor": "Google Cloud EMEA Ltd",
    "agreement": "A-17",
    "expires": "2031-12-31",
    "requests_per_minute": 60_000,
    "attempts": 3,
    "usd_per_gigabyte": 3.0,
}
NAMES = {"Zoe\u0308": "PERSON_NAME", "李明": "PERSON_NAME", "Main St": "STREET_ADDRESS"}
KINDS_WANTED = frozenset(ENTITIES)


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setattr("tasks.redaction.cloud.google_dlp.BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr("tasks.redaction.cloud.google_dlp.JITTER_SECONDS", 0.0)
    with serving(google(NAMES)) as cloud:
        key = tmp_path / "key.json"
        key.write_text(json.dumps(service_account(cloud.address)))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        yield cloud


def detector(cloud: Cloud, **changes: Any) -> GoogleDlp:
    declared = GoogleDlpParams.model_validate({**DECLARED, "endpoint": cloud.address, **changes})
    return GoogleDlp(declared, KINDS_WANTED)


def inspections(cloud: Cloud) -> list[Any]:
    return [body for path, _, body in cloud.asked if path != "/token"]


def test_findings_lie_where_they_stand_whatever_stands_before_them(cloud: Cloud) -> None:
    texts = ["👩‍👩‍👧 Zoe\u0308 of Main St", "nobody", "李明", "\U0001d518 e\u0301 李明"]
    found = detector(cloud).find(texts)
    words = [
        [text[span.start : span.end] for span in sorted(spans)]
        for text, spans in zip(texts, found, strict=True)
    ]
    assert words == [["Zoe\u0308", "Main St"], [], ["李明"], ["李明"]]
    assert [span.kind for span in sorted(found[0])] == ["PERSON", "LOCATION"]


def test_a_request_asks_for_what_is_wanted_names_its_region_and_wants_no_quotes(
    cloud: Cloud,
) -> None:
    detector(cloud).find(["Zoe"])
    (path, _, body) = cloud.asked[-1]
    assert path == "/v2/projects/bank-redaction/locations/europe-west3/content:inspect"
    config = body["inspectConfig"]
    assert config["includeQuote"] is False
    assert config["minLikelihood"] == "POSSIBLE"
    asked = {kind["name"] for kind in config["infoTypes"]}
    assert asked == {name for name, kind in KINDS.items() if kind in KINDS_WANTED}
    assert "ORGANIZATION_NAME" not in asked


def test_many_and_long_texts_go_in_as_many_requests_as_the_limits_ask_for(cloud: Cloud) -> None:
    texts = ['"👩‍👧' * 4_000 + " Zoe\u0308", *["x" * 9_000] * 60, "李明"]
    found = detector(cloud).find(texts)
    assert [len(spans) for spans in found] == [1, *[0] * 60, 1]
    (span,) = found[0]
    assert texts[0][span.start : span.end] == "Zoe\u0308"
    assert len(inspections(cloud)) > 1
    assert all(
        len(json.dumps(body, ensure_ascii=False)) < MOST_BYTES * 1.1 for body in inspections(cloud)
    )


def test_an_answer_that_was_cut_short_is_asked_for_again_in_halves(cloud: Cloud) -> None:
    cloud.answer = google(NAMES, most_findings=2)
    found = detector(cloud).find(["李明"] * 5)
    assert [len(spans) for spans in found] == [1] * 5
    assert len(inspections(cloud)) > 2


def test_one_text_with_more_findings_than_are_returned_is_no_answer(cloud: Cloud) -> None:
    cloud.answer = google(NAMES, most_findings=1)
    with pytest.raises(ServiceError, match="more findings in one text"):
        detector(cloud).find(["李明 Main St"])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_stumbles_is_asked_again(cloud: Cloud, status: int) -> None:
    cloud.failures = [(status, {"error": {}})] * 2
    assert detector(cloud).find(["李明"]) == [[Span(0, 2, "PERSON", LIKELIHOODS["LIKELY"])]]
    assert len(inspections(cloud)) == 3


@pytest.mark.parametrize(("asked", "waited"), [("17", 17), ("86400", 120)])
def test_the_server_says_how_long_to_wait_and_not_for_hours(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, asked: str, waited: int
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waits.append)
    cloud.retry_after = asked
    cloud.failures = [(429, {"error": {}})]
    detector(cloud).find(["李明"])
    assert waits == [waited]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((429, {"error": {"message": "quota"}}), "HTTP status 429"),
        ((500, {"error": {}}), "HTTP status 500"),
        ((403, {"error": {"message": "李明"}}), "HTTP status 403"),
        ((302, {}), "HTTP status 302"),
        ((200, {}), "an answer without a result"),
        ((200, {"result": {"findings": [{}]}}), "a finding of another form"),
    ],
)
def test_what_is_no_answer_is_never_nothing_found(cloud: Cloud, answer: Answer, words: str) -> None:
    cloud.failures = [answer] * 9
    with pytest.raises(ServiceError, match=words) as raised:
        detector(cloud).find(["李明 says"])
    assert "李明" not in str(raised.value)
    assert raised.value.exit_code == 4


def test_a_failure_in_a_later_request_takes_back_what_came_before(cloud: Cloud) -> None:
    answers = iter([True, False])
    inspect = google(NAMES)

    def then_fail(path: str, headers: dict[str, str], body: Any) -> Answer:
        if path == "/token" or next(answers, False):
            return inspect(path, headers, body)
        return 500, {}

    cloud.answer = then_fail
    with pytest.raises(ServiceError, match="500"):
        detector(cloud).find(["李明", *["x" * 9_000] * 60])


def in_row(row: str) -> list[dict[str, Any]]:
    return [{"recordLocation": {"tableLocation": {"rowIndex": row}}}]


def finding(**changes: Any) -> dict[str, Any]:
    location = {
        "byteRange": {"end": "3"},
        "codepointRange": {"end": "1"},
        "contentLocations": [{"recordLocation": {"tableLocation": {}}}],
    }
    return {
        "infoType": {"name": "PERSON_NAME"},
        "likelihood": "LIKELY",
        "location": {**location, **changes.pop("location", {})},
        **changes,
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"infoType": {"name": "LOCATION_COORDINATES"}},  # nobody asked for it
        {"likelihood": "LIKELIHOOD_UNSPECIFIED"},
        {"location": {"byteRange": {"end": "2"}}},  # in the middle of a character
        {"location": {"byteRange": {"end": "6"}}},  # says another place than the code points
        {"location": {"byteRange": {"end": "99"}, "codepointRange": {"end": "99"}}},
        {
            "location": {
                "byteRange": {"start": "3", "end": "3"},
                "codepointRange": {"start": "1", "end": "1"},
            }
        },
        {"location": {"contentLocations": []}},
        {
            "location": {
                "contentLocations": [{"recordLocation": {"tableLocation": {"rowIndex": "1"}}}]
            }
        },
        {
            "location": {
                "contentLocations": [{"recordLocation": {"tableLocation": {"rowIndex": "-1"}}}]
            }
        },
    ],
)
def test_a_finding_that_cannot_be_placed_is_no_answer(
    cloud: Cloud, changed: dict[str, Any]
) -> None:
    assert detector(cloud).find(["中文"]) == [[]]
    cloud.failures = [(200, {"result": {"findings": [finding()]}})]
    assert [span.end for span in detector(cloud).find(["中文"])[0]] == [1]
    cloud.failures = [(200, {"result": {"findings": [finding(**changed)]}})]
    with pytest.raises(ServiceError, match="a finding of another form"):
        detector(cloud).find(["中文"])


@pytest.mark.parametrize("ranges", [("byteRange",), ("codepointRange",)])
def test_either_range_is_enough(ranges: tuple[str, ...]) -> None:
    both = {"byteRange": {"start": "3", "end": "6"}, "codepointRange": {"start": "1", "end": "2"}}
    assert _code_points("中文", {name: both[name] for name in ranges}) == (1, 2)
    with pytest.raises(ValueError, match="not enough"):
        _code_points("中文", {})


def test_no_word_of_a_text_is_logged_even_for_debugging(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        detector(cloud).find(["李明 of Main St"])
    assert "李明" not in caplog.text
    assert "Main St" not in caplog.text


def test_without_credentials_it_says_so_before_anything_is_sent(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(ConfigError, match="default credentials"):
        detector(cloud)
    assert cloud.asked == []


def test_a_service_that_is_gone_is_said_with_an_exit_code_of_its_own(cloud: Cloud) -> None:
    gone = detector(cloud, endpoint="http://127.0.0.1:9", attempts=1)
    with pytest.raises(ServiceError, match=r"google_dlp in europe-west3") as raised:
        gone.find(["李明"])
    assert "李明" not in str(raised.value)


def test_nothing_is_sent_where_none_of_its_kinds_is_wanted(cloud: Cloud) -> None:
    declared = GoogleDlpParams.model_validate({**DECLARED, "endpoint": cloud.address})
    assert GoogleDlp(declared, frozenset({"NRP"})).find(["李明"]) == [[]]
    assert cloud.asked == []
