"""Amazon Macie: a job that searches the objects of a bucket, and what it has found, counted.

https://docs.aws.amazon.com/macie/latest/APIReference/
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.formats.shown import kind_of_error
from tasks.redaction.cloud.aws import open_client
from tasks.redaction.cloud.faults import no_answer
from tasks.redaction.cloud.pace import Pace
from tasks.redaction.cloud.params import BYTES_A_GIGABYTE, MacieParams

POLL_SECONDS = 30.0
MOST_FINDINGS_A_REQUEST = 50  # of `GetFindings`
MOST_PAGES = 20_000  # of a list of findings, fifty on each: a million objects with a finding
ENDED = "COMPLETE"
WORKING = "RUNNING"
CATEGORIES = ("FINANCIAL_INFORMATION", "PERSONAL_INFORMATION", "CREDENTIALS", "CUSTOM_IDENTIFIER")
OTHER_CATEGORY = "OTHER"

logger = logging.getLogger("portcullis.redact")


class BucketReport(BaseModel):
    """What a job has found in a bucket. Counts only: never an object's name, nor what it holds.

    Attributes:
        bucket: Which one, and where.
        job: The job's id, by which Macie's own records are found.
        objects: Objects in which something was found.
        occurrences: Category of Macie's -> how often.
        not_searched: Objects that it has read in part, or cannot read at all.
        reason: Why the job says nothing; empty where it does.
    """

    model_config = ConfigDict(frozen=True)

    bucket: str
    job: str
    objects: int
    occurrences: dict[str, int]
    not_searched: int
    reason: str

    @property
    def doubt(self) -> str:
        """Why there may be more than it has found; empty where there is no doubt."""
        if self.reason or not self.not_searched:
            return self.reason
        return f"{self.not_searched:,} objects were not searched, or in part"


class Macie:
    """Runs one job over a bucket. Its objects stay where they lie; Amazon reads them there."""

    def __init__(
        self,
        params: MacieParams,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open a client with the credentials of the environment."""
        self._params = params
        self._pace = Pace(params.requests_per_minute, clock, sleep)
        self._clock = clock
        self._sleep = sleep
        self._client = open_client("macie2", params)

    @property
    def name(self) -> str:
        """Which service it is, and where."""
        return f"aws_macie in {self._params.region}"

    def search(self, job_name: str) -> BucketReport:
        """Run a job over all objects and return what it has found.

        A job that was paused, cancelled, or has met errors says nothing, and the report says why.

        Raises:
            ServiceError: Macie does not answer, or the job takes longer than the use case allows.
        """
        # Before the job, which costs money: a bucket that Macie does not watch is found out for
        # nothing.
        not_readable = self._count_not_readable()
        created = self._ask(
            "create_classification_job",
            name=job_name,
            jobType="ONE_TIME",
            managedDataIdentifierSelector="ALL",
            s3JobDefinition={
                "bucketDefinitions": [
                    {"accountId": self._params.account, "buckets": [self._params.bucket]}
                ]
            },
        )
        job = created.get("jobId")
        if not isinstance(job, str) or not job:
            raise no_answer(self.name, "a job without an id")

        reason = _why_it_says_nothing(self._wait(job))
        findings = [] if reason else self._findings(job)
        return self._report(job, findings, not_readable, reason)

    def _count_not_readable(self) -> int:
        """Return how many objects Macie cannot read: their format or storage class is none of its.

        No finding is ever made of those, so that a bucket of nothing else would look clean.
        """
        criteria = {
            "accountId": {"eq": [self._params.account]},
            "bucketName": {"eq": [self._params.bucket]},
        }
        buckets = self._ask("describe_buckets", criteria=criteria).get("buckets", [])
        # A bucket that is not there gives an empty list and no error.
        if len(buckets) != 1:
            raise no_answer(self.name, "no such bucket among those that it watches")
        (bucket,) = buckets
        readable = bucket.get("classifiableObjectCount")
        objects = bucket.get("objectCount")
        if readable is None or objects is None or bucket.get("errorCode"):
            raise no_answer(self.name, "a bucket whose objects it has not counted")

        readable_bytes = bucket.get("classifiableSizeInBytes", 0)
        usd = readable_bytes / BYTES_A_GIGABYTE * self._params.usd_per_gigabyte
        logger.info(
            "Amazon Macie reads %d objects, %d bytes, of s3://%s in %s, under agreement %s: "
            "about %.2f USD",
            int(readable),
            int(readable_bytes),
            self._params.bucket,
            self._params.region,
            self._params.agreement,
            float(usd),
        )
        return int(objects) - int(readable)

    def _wait(self, job: str) -> dict[str, Any]:
        """Return the job's description once it works no longer."""
        deadline = self._clock() + self._params.patience_minutes * 60
        while True:
            status = self._ask("describe_classification_job", jobId=job)
            # Whatever else it is: what it means is asked afterwards, and only one word means that
            # it is done.
            if status.get("jobStatus") != WORKING:
                return status
            if self._clock() >= deadline:
                minutes = self._params.patience_minutes
                raise no_answer(self.name, f"a job that has not ended within {minutes:d} minutes")
            self._sleep(POLL_SECONDS)

    def _findings(self, job: str) -> list[dict[str, Any]]:
        """Return all findings of a job: suppressed ones are found as well, and count."""
        ids: list[str] = []
        page: dict[str, Any] = {}
        tokens: set[str] = set()
        while True:
            listed = self._ask(
                "list_findings",
                findingCriteria={"criterion": {"classificationDetails.jobId": {"eq": [job]}}},
                **page,
            )
            if "findingIds" not in listed:
                raise no_answer(self.name, "a list of findings without ids")
            ids += listed["findingIds"]
            if not (token := listed.get("nextToken")):
                break
            # It leads to a page that was read, and so round and round. botocore's own paginators
            # refuse it as well.
            if token in tokens:
                raise no_answer(self.name, "a list of findings that comes back to the same page")
            # Nor may one with ever new tokens be read for ever.
            tokens.add(token)
            if len(tokens) >= MOST_PAGES:
                raise no_answer(self.name, f"a list of more than {MOST_PAGES:,} pages of findings")
            page = {"nextToken": token}

        findings: list[dict[str, Any]] = []
        for start in range(0, len(ids), MOST_FINDINGS_A_REQUEST):
            wanted = ids[start : start + MOST_FINDINGS_A_REQUEST]
            findings += self._ask("get_findings", findingIds=wanted).get("findings", [])
        # An id of a finding that is archived or gone is left out without a word.
        if len(findings) != len(ids):
            raise no_answer(self.name, "fewer findings than it lists")
        return findings

    def _report(
        self, job: str, findings: list[dict[str, Any]], not_readable: int, reason: str
    ) -> BucketReport:
        occurrences: Counter[str] = Counter()
        objects = 0
        not_searched = not_readable
        for finding in findings:
            result = finding.get("classificationDetails", {}).get("result", {})
            objects += 1
            # Without a status nobody knows whether the whole object was read.
            not_searched += result.get("status", {}).get("code") != "COMPLETE"
            for item in result.get("sensitiveData", []):
                category = item.get("category")
                # A category that comes new is counted, too, under no name of theirs.
                known = category if category in CATEGORIES else OTHER_CATEGORY
                occurrences[known] += int(item.get("totalCount", 0))

        return BucketReport(
            bucket=f"s3://{self._params.bucket} in {self._params.region}",
            job=job,
            objects=objects,
            occurrences=dict(sorted(occurrences.items())),
            not_searched=not_searched,
            reason=reason,
        )

    def _ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        self._pace.wait()
        try:
            answer: dict[str, Any] = getattr(self._client, method)(**arguments)
        except (BotoCoreError, ClientError) as error:
            raise no_answer(self.name, kind_of_error(error)) from None
        return answer


def _why_it_says_nothing(status: dict[str, Any]) -> str:
    """Return why a job that has ended says nothing about its bucket; empty where it does."""
    if status.get("jobStatus") != ENDED:
        return "the job was paused, cancelled, or is in a state that nobody here knows"
    if status.get("lastRunErrorStatus", {}).get("code") != "NONE":
        return "the job has met errors, or does not say that it met none"
    if not status.get("statistics", {}).get("numberOfRuns"):
        return "the job has run not once"
    return ""
