"""A Macie job, against a server on loopback held to the service's own model. No test waits."""

import logging
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from tasks.errors import ServiceError
from tasks.redaction.cloud.macie import BucketReport, Macie
from tasks.redaction.cloud.params import MacieParams
from tests.tasks.redaction.cloud.clouds import (
    Answer,
    Cloud,
    amazon_credentials,
    macie,
    macie_finding,
    serving,
)
from tests.tasks.redaction.cloud.test_pace import Clock

DECLARED: dict[str, Any] = {
    "region": "eu-central-1",
    "account": "123456789012",
    "bucket": "exports",
    "patience_minutes": 10,
    "processor": "Amazon Web Services EMEA SARL",
    "agreement": "A-18",
    "expires": "2031-12-31",
    "requests_per_minute": 60_000,
    "attempts": 2,
    "usd_per_gigabyte": 1.0,
}
FINDINGS = [
    macie_finding("PERSONAL_INFORMATION", 3),
    macie_finding("PERSONAL_INFORMATION", 4),
    macie_finding("FINANCIAL_INFORMATION", 1),
]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    amazon_credentials(monkeypatch)
    with serving(macie(FINDINGS, ["RUNNING", "COMPLETE"])) as cloud:
        yield cloud


def search(cloud: Cloud, clock: Clock | None = None) -> BucketReport:
    params = MacieParams.model_validate({**DECLARED, "endpoint": cloud.address})
    clock = clock or Clock()
    return Macie(params, clock, clock.sleep).search("portcullis loan")


def test_all_findings_of_the_job_are_counted_and_no_object_is_named(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        report = search(cloud)
    assert report == BucketReport(
        bucket="s3://exports in eu-central-1",
        job="j1",
        objects=3,
        occurrences={"FINANCIAL_INFORMATION": 1, "PERSONAL_INFORMATION": 7},
        not_searched=0,
        reason="",
    )
    assert report.doubt == ""
    assert "ann-lee" not in report.model_dump_json() + caplog.text
    assert "about 2.00 USD" in caplog.text
    assert [path for path, _, _ in cloud.asked].count("/findings") == 2


def test_a_job_is_awaited_and_not_for_ever(cloud: Cloud) -> None:
    clock = Clock()
    cloud.answer = macie([], ["RUNNING"] * 5 + ["COMPLETE"])
    assert search(cloud, clock).objects == 0
    assert clock.now == pytest.approx(5 * 30, abs=1)
    cloud.answer = macie([], ["RUNNING"])
    with pytest.raises(ServiceError, match="not ended within 10 minutes"):
        search(cloud)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (macie(FINDINGS, ["CANCELLED"]), "paused, cancelled"),
        (macie(FINDINGS, ["PAUSED"]), "paused, cancelled"),
        (macie(FINDINGS, ["USER_PAUSED"]), "paused, cancelled"),
        (macie([], ["COMPLETE"], errors="ERROR"), "has met errors"),
        (macie([], ["COMPLETE"], objects=7, readable=0), "7 objects were not searched"),
        (macie([macie_finding("CREDENTIALS", 1, "PARTIAL")], ["COMPLETE"]), "1 objects were not"),
    ],
)
def test_a_job_that_did_not_search_everything_leaves_a_doubt(
    cloud: Cloud, answer: Callable[[str, dict[str, str], Any], Answer], words: str
) -> None:
    cloud.answer = answer
    assert words in search(cloud).doubt


def test_a_list_of_findings_with_ever_new_pages_ends(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.redaction.cloud.macie.MOST_PAGES", 3)
    usual = cloud.answer
    pages = count(1)

    def answer(asked: str, headers: dict[str, str], body: Any) -> Answer:
        if asked == "/findings":
            return 200, {"findingIds": [], "nextToken": f"{next(pages):d}"}
        return usual(asked, headers, body)

    cloud.answer = answer
    with pytest.raises(ServiceError, match="a list of more than 3 pages of findings"):
        search(cloud)
    assert next(pages) == 4


def test_the_last_page_that_is_allowed_is_read(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.redaction.cloud.macie.MOST_PAGES", 2)
    assert search(cloud).objects == 3  # on two pages


@pytest.mark.parametrize(
    ("path", "status", "values", "words"),
    [
        ("/datasources/s3", 200, {"buckets": []}, "no such bucket"),
        ("/datasources/s3", 200, {"buckets": [{"bucketName": "exports"}]}, "has not counted"),
        ("/datasources/s3", 403, {"__type": "AccessDeniedException"}, "AccessDenied"),
        ("/jobs", 200, {}, "without an id"),
        ("/jobs", 429, {"__type": "ThrottlingException"}, "Throttling"),
        ("/findings", 200, {}, "without ids"),
        ("/findings", 200, {"findingIds": ["f0"], "nextToken": "2"}, "back to the same page"),
        ("/findings/describe", 200, {"findings": []}, "fewer findings than it lists"),
    ],
)
def test_what_is_no_answer_is_never_a_clean_bucket(
    cloud: Cloud, path: str, status: int, values: dict[str, Any], words: str
) -> None:
    usual = cloud.answer

    def answer(asked: str, headers: dict[str, str], body: Any) -> Answer:
        return (status, values) if asked == path else usual(asked, headers, body)

    cloud.answer = answer
    with pytest.raises(ServiceError, match=words):
        search(cloud)
