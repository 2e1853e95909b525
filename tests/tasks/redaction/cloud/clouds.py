"""Servers on loopback that speak Google's and Amazon's published APIs, as far as they are asked.

What Amazon's is sent and answers is held to the service's own model, which botocore ships: a
request or an answer that the real service could not take or give fails the test. Google's JSON is
written as its services write it: 64-bit numbers as text, and what is zero or empty left out.
"""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.loaders
import botocore.session
import pytest
from botocore.validate import ParamValidator
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Answer = tuple[int, dict[str, Any]]
DLP_REQUEST_BYTES = 524_288
DLP_TABLE_VALUES = 50_000
COMPREHEND_TEXT_BYTES = 102_400


@dataclass
class Cloud:
    """A running server: what it was asked, and what it answers.

    Attributes:
        address: Where it listens.
        answer: From path, headers and body to status and JSON.
        asked: All requests, in order, as (path, headers, body).
        failures: Answers that it gives before it works: status and JSON.
    """

    answer: Callable[[str, dict[str, str], Any], Answer]
    address: str = ""
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    failures: list[Answer] = field(default_factory=list)
    retry_after: str = ""


@contextmanager
def serving(answer: Callable[[str, dict[str, str], Any], Answer]) -> Iterator[Cloud]:
    """Serve on a free port of loopback until the block ends."""
    cloud = Cloud(answer)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            content = self.rfile.read(length)
            kind = self.headers.get("Content-Type", "")
            body = json.loads(content) if "json" in kind and content else content.decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            cloud.asked.append((self.path, headers, body))
            status, values = (
                cloud.failures.pop(0)
                if cloud.failures and self.path != "/token"
                else cloud.answer(self.path, headers, body)
            )
            encoded = json.dumps(values).encode()
            self.send_response(status)
            if cloud.retry_after and status == 429:
                self.send_header("Retry-After", cloud.retry_after)
            if "__type" in values:
                self.send_header("x-amzn-ErrorType", values["__type"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        cloud.address = f"http://127.0.0.1:{server.server_port}"
        yield cloud
        server.shutdown()
        thread.join()


# Google


def service_account(address: str) -> dict[str, str]:
    """Return a service account's key whose tokens the server at an address gives out."""
    return {
        "type": "service_account",
        "project_id": "bank-redaction",
        "private_key_id": "1",
        "private_key": _private_key(),
        "client_email": "redaction@bank-redaction.iam.gserviceaccount.com",
        "token_uri": f"{address}/token",
    }


@cache
def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def google(
    names: dict[str, str], most_findings: int = 3_000
) -> Callable[[str, dict[str, str], Any], Answer]:
    """Return a `content.inspect` that finds each of some words, which are of an infoType each."""

    def answer(path: str, headers: dict[str, str], body: Any) -> Answer:
        if path == "/token":
            return 200, {"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}
        if headers.get("authorization") != "Bearer t":
            return 401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}}
        if not path.startswith("/v2/projects/bank-redaction/locations/europe-west3/content:"):
            return 404, {"error": {"code": 404, "status": "NOT_FOUND"}}
        if int(headers["content-length"]) > DLP_REQUEST_BYTES:
            return 400, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}
        table = body["item"]["table"]
        assert len(table["rows"]) * len(table["headers"]) <= DLP_TABLE_VALUES
        asked = {kind["name"] for kind in body["inspectConfig"]["infoTypes"]}
        findings = [
            _finding(row, text, word, info_type)
            for row, values in enumerate(table["rows"])
            for text in (values["values"][0]["stringValue"],)
            for word, info_type in names.items()
            if info_type in asked and word in text
        ]
        result: dict[str, Any] = {}
        if findings:
            result["findings"] = findings[:most_findings]
        if len(findings) > most_findings:
            result["findingsTruncated"] = True
        return 200, {"result": result}

    return answer


def _finding(row: int, text: str, word: str, info_type: str) -> dict[str, Any]:
    start = text.index(word)
    before = len(text[:start].encode())
    location: dict[str, Any] = {
        "byteRange": _range(before, before + len(word.encode())),
        "codepointRange": _range(start, start + len(word)),
    }
    table_location = {"rowIndex": str(row)} if row else {}
    record = {"fieldId": {"name": "text"}, "tableLocation": table_location}
    location["contentLocations"] = [{"recordLocation": record}]
    return {
        "infoType": {"name": info_type, "sensitivityScore": {"score": "SENSITIVITY_MODERATE"}},
        "likelihood": "LIKELY",
        "location": location,
        "createTime": "2026-11-27T10:00:00.000Z",
        "findingId": "2026-11-27T10:00:00.000000Z1",
    }


def _range(start: int, end: int) -> dict[str, str]:
    return ({"start": str(start)} if start else {}) | {"end": str(end)}


# Amazon

LOADER = botocore.loaders.create_loader()


def amazon_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set credentials, let retries wait for nothing, and read each service's model once."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    monkeypatch.setattr("botocore.session.create_loader", lambda _: LOADER)


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def checked(service: str, operation: str, is_input: bool, values: Any) -> Any:
    """Return values that have the form which a service's own model asks for."""
    of = _model(service).operation_model(operation)
    shape = of.input_shape if is_input else of.output_shape
    report = ParamValidator().validate(values, shape)
    assert not report.has_errors(), report.generate_report()
    return values


def amazon(names: dict[str, str]) -> Callable[[str, dict[str, str], Any], Answer]:
    """Return a `DetectPiiEntities` that finds each of some words, which are of a type each."""

    def answer(_: str, headers: dict[str, str], body: Any) -> Answer:
        assert headers["x-amz-target"] == "Comprehend_20171127.DetectPiiEntities"
        assert "eu-central-1/comprehend/aws4_request" in headers["authorization"]
        text = checked("comprehend", "DetectPiiEntities", True, body)["Text"]
        if len(text.encode()) > COMPREHEND_TEXT_BYTES:
            return 400, {"__type": "TextSizeLimitExceededException"}
        entities = [
            {
                "Score": 0.9,
                "Type": kind,
                "BeginOffset": text.index(word),
                "EndOffset": text.index(word) + len(word),
            }
            for word, kind in names.items()
            if word in text
        ]
        return 200, checked("comprehend", "DetectPiiEntities", False, {"Entities": entities})

    return answer


def macie(
    findings: list[dict[str, Any]],
    states: list[str],
    *,
    errors: str = "NONE",
    objects: int = 5,
    readable: int = 5,
    page: int = 2,
) -> Callable[[str, dict[str, str], Any], Answer]:
    """Return a Macie with one bucket and one job.

    Args:
        findings: What the job finds; each is held to the service's model.
        states: The job's states, one for each time that it is asked; the last one stays.
        errors: Whether the job has met errors.
        objects: Objects in the bucket.
        readable: Those that Macie can read.
        page: Findings that one page of a list holds.
    """
    numbered = {f"f{number}": finding for number, finding in enumerate(findings)}
    remaining = list(states)

    def answer(path: str, _: dict[str, str], body: Any) -> Answer:
        if path == "/datasources/s3":
            checked("macie2", "DescribeBuckets", True, body)
            bucket = {
                "bucketName": "exports",
                "objectCount": objects,
                "classifiableObjectCount": readable,
                "classifiableSizeInBytes": 2**31,
            }
            return 200, checked("macie2", "DescribeBuckets", False, {"buckets": [bucket]})
        if path == "/jobs":
            checked("macie2", "CreateClassificationJob", True, body)
            return 200, checked("macie2", "CreateClassificationJob", False, {"jobId": "j1"})
        if path == "/jobs/j1":
            state = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            job = {
                "jobId": "j1",
                "jobStatus": state,
                "lastRunErrorStatus": {"code": errors},
                "statistics": {"numberOfRuns": 1.0},
            }
            return 200, checked("macie2", "DescribeClassificationJob", False, job)
        if path == "/findings":
            checked("macie2", "ListFindings", True, body)
            assert body["findingCriteria"] == {
                "criterion": {"classificationDetails.jobId": {"eq": ["j1"]}}
            }
            start = int(body.get("nextToken", 0))
            ids = list(numbered)[start : start + page]
            listed: dict[str, Any] = {"findingIds": ids}
            if start + page < len(numbered):
                listed["nextToken"] = str(start + page)
            return 200, checked("macie2", "ListFindings", False, listed)
        assert path == "/findings/describe"
        checked("macie2", "GetFindings", True, body)
        wanted = [numbered[name] for name in body["findingIds"] if name in numbered]
        return 200, checked("macie2", "GetFindings", False, {"findings": wanted})

    return answer


def macie_finding(category: str, count: int, status: str = "COMPLETE") -> dict[str, Any]:
    """Return a sensitive data finding as Macie gives it, with what nobody here may repeat."""
    item = {
        "category": category,
        "totalCount": count,
        "detections": [{"type": "NAME", "count": count}],
    }
    return {
        "type": "SensitiveData:S3Object/Personal",
        "category": "CLASSIFICATION",
        "severity": {"score": 3, "description": "High"},
        "resourcesAffected": {"s3Object": {"key": "letters/ann-lee.txt"}},
        "classificationDetails": {
            "jobId": "j1",
            "result": {"status": {"code": status}, "sensitiveData": [item]},
        },
    }
