"""Google's Sensitive Data Protection, method `content.inspect`. No other module talks to it.

Texts go as rows of a table, as many as a request takes, so that findings say of which row they are.

https://cloud.google.com/sensitive-data-protection/docs/reference/rest/v2/projects.content/inspect
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.errors import ConfigError
from tasks.formats.shown import kind_of_error
from tasks.redaction.cloud.faults import no_answer, silence_requests
from tasks.redaction.cloud.params import GoogleDlpParams
from tasks.redaction.cloud.sending import DeclaredService
from tasks.redaction.ner.names import cut
from tasks.redaction.spans import Span

# Google's kinds that are asked for, in our words.
KINDS = {
    "PERSON_NAME": "PERSON",
    "EMAIL_ADDRESS": "EMAIL_ADDRESS",
    "PHONE_NUMBER": "PHONE_NUMBER",
    "STREET_ADDRESS": "LOCATION",
    "LOCATION": "LOCATION",
    "US_SOCIAL_SECURITY_NUMBER": "US_SSN",
    "US_INDIVIDUAL_TAXPAYER_IDENTIFICATION_NUMBER": "US_ITIN",
    "US_DRIVERS_LICENSE_NUMBER": "US_DRIVER_LICENSE",
    "US_PASSPORT": "US_PASSPORT",
    "US_BANK_ROUTING_MICR": "US_BANK_NUMBER",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": "UK_NHS",
    "CREDIT_CARD_NUMBER": "CREDIT_CARD",
    "IBAN_CODE": "IBAN_CODE",
    "IP_ADDRESS": "IP_ADDRESS",
    "MAC_ADDRESS": "MAC_ADDRESS",
    "AGE": "AGE",
    "DATE": "DATE_TIME",
    "DATE_OF_BIRTH": "DATE_TIME",
    "URL": "URL",
    "ORGANIZATION_NAME": "ORGANIZATION",
    "MEDICAL_RECORD_NUMBER": "ID",
    "VEHICLE_IDENTIFICATION_NUMBER": "ID",
    "GOVERNMENT_ID": "ID",
    "FINANCIAL_ID": "ID",
}
LIKELIHOODS = {
    "VERY_UNLIKELY": 0.05,
    "UNLIKELY": 0.2,
    "POSSIBLE": 0.5,
    "LIKELY": 0.8,
    "VERY_LIKELY": 0.95,
}

# https://cloud.google.com/sensitive-data-protection/limits, November 2026
MOST_BYTES = 400_000  # of 0.5 MB for a whole request; the rest is for what is around the texts
MOST_ROWS = 5_000  # of 50,000 values: more rows have more findings than are returned
MOST_FINDINGS = 3_000
LONGEST_PIECE = 10_000  # characters: of the longest UTF-8 still a tenth of a request

COLUMN = "text"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
RETRIED = (429, 500, 502, 503, 504)
BACKOFF_SECONDS = 1.0  # then 2, 4, 8 …, or what `Retry-After` asks for
JITTER_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 120  # whatever a server asks for: a release does not sleep for hours


class GoogleDlp(DeclaredService[GoogleDlpParams]):
    """Finds what Google finds. Safe for threads as far as `requests` is: use one a process."""

    def __init__(self, params: GoogleDlpParams, kinds: frozenset[str]) -> None:
        """Open a session with the credentials of the environment.

        Args:
            params: As the use case declares it.
            kinds: The kinds of span that are wanted, in our words.

        Raises:
            ConfigError: google-auth is not installed, or there are no credentials.
        """
        super().__init__(params)
        self._session = _open_session(params)
        self._asked = {name: kind for name, kind in KINDS.items() if kind in kinds}

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of each text; see `Detector.find`."""
        spans: list[list[Span]] = [[] for _ in texts]
        if not self._asked:
            return spans
        for batch in _batches(texts):
            found = self._inspect([texts[number][start:end] for number, start, end in batch])
            for (number, start, _), in_piece in zip(batch, found, strict=True):
                spans[number] += [span.moved(start) for span in in_piece]
        return spans

    def _inspect(self, pieces: list[str]) -> list[list[Span]]:
        """Return the spans of each piece, all of them.

        Where Google has cut its answer short, the pieces are asked about again in two halves.
        """
        result = self._ask(pieces)
        if result.get("findingsTruncated"):
            # Of one text there is no half. Half an answer would pass for all of it.
            if len(pieces) == 1:
                raise no_answer(self.name, "more findings in one text than it returns")
            half = len(pieces) // 2
            return self._inspect(pieces[:half]) + self._inspect(pieces[half:])

        spans: list[list[Span]] = [[] for _ in pieces]
        findings = result.get("findings", [])
        try:
            for finding in findings:
                row, span = self._read(finding, pieces)
                spans[row].append(span)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise no_answer(
                self.name, f"a finding of another form ({kind_of_error(error)})"
            ) from None
        return spans

    def _ask(self, pieces: list[str]) -> dict[str, Any]:
        """Return `result` of the answer to one request."""
        import requests
        from google.auth.exceptions import GoogleAuthError

        params = self._params
        parent = f"projects/{params.project}/locations/{params.location}"
        inspect_config = {
            "infoTypes": [{"name": name} for name in self._asked],
            "minLikelihood": params.min_likelihood,
            "includeQuote": False,  # it would send the texts back
            "limits": {"maxFindingsPerRequest": MOST_FINDINGS},
        }
        table = {
            "headers": [{"name": COLUMN}],
            "rows": [{"values": [{"stringValue": piece}]} for piece in pieces],
        }
        body = {"item": {"table": table}, "inspectConfig": inspect_config}

        self._pace.wait()
        try:
            response = self._session.post(
                f"{params.address}/v2/{parent}/content:inspect",
                data=_encode(body),
                headers={"Content-Type": "application/json; charset=utf-8"},
                timeout=params.timeout_seconds,
                # `timeout` is of each wait for a byte (requests, "Timeouts"); this is of the whole,
                # with the session's own attempts and pauses in it.
                max_allowed_time=params.timeout_seconds * params.attempts * 2,
                allow_redirects=False,  # texts go where the use case says, and nowhere else
            )
            answer = response.json() if response.status_code == 200 else None
        except (requests.RequestException, GoogleAuthError) as error:
            raise no_answer(self.name, kind_of_error(error)) from None
        if response.status_code != 200:
            raise no_answer(self.name, f"HTTP status {response.status_code:d}")

        # Where nothing is found, `result` is there and empty; an answer without it is another.
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, dict):
            raise no_answer(self.name, "an answer without a result")
        return result

    def _read(self, finding: dict[str, Any], pieces: list[str]) -> tuple[int, Span]:
        """Return of which piece a finding is, and where in it.

        The JSON form of Protocol Buffers writes 64-bit numbers as text, and leaves out a zero.

        Raises:
            KeyError, TypeError, ValueError, IndexError, AttributeError: It has another form.
        """
        location = finding["location"]
        # One place of content for each finding in a table; any other number is a form that nobody
        # here knows.
        (content,) = location["contentLocations"]
        row = int(content["recordLocation"].get("tableLocation", {}).get("rowIndex", 0))
        # Python would take it from the end: a finding in somebody else's text.
        if row < 0:
            raise IndexError(row)

        start, end = _code_points(pieces[row], location)
        kind = self._asked[finding["infoType"]["name"]]
        return row, Span(start, end, kind, LIKELIHOODS[finding["likelihood"]])


def _code_points(text: str, location: dict[str, Any]) -> tuple[int, int]:
    """Return where a finding lies, in characters of Python, which are Unicode's code points.

    Bytes are those of UTF-8. Where both are given they have to mean the same: an offset that is
    read wrongly masks the word beside the name.

    Raises:
        ValueError: It lies outside the text, is empty, or is given twice and differently.
    """
    given: list[tuple[int, int]] = []
    if "codepointRange" in location:
        given.append(_numbers(location["codepointRange"]))

    if "byteRange" in location:
        encoded = text.encode()
        start, end = _numbers(location["byteRange"])
        if not 0 <= start <= end <= len(encoded):
            raise ValueError("outside the text")
        given.append((len(encoded[:start].decode()), len(encoded[:end].decode())))

    # One of the two, or both alike; none at all does not unpack either.
    (place,) = set(given)
    if not 0 <= place[0] < place[1] <= len(text):
        raise ValueError("outside the text")
    return place


def _numbers(values: dict[str, Any]) -> tuple[int, int]:
    return int(values.get("start", 0)), int(values.get("end", 0))


def _batches(texts: Sequence[str]) -> Iterator[list[tuple[int, int, int]]]:
    """Yield pieces of texts, as many as a request takes: number of the text, start and end."""
    batch: list[tuple[int, int, int]] = []
    batch_bytes = 0
    for number, text in enumerate(texts):
        for start, end in cut(text, LONGEST_PIECE):
            piece_bytes = len(_encode({"values": [{"stringValue": text[start:end]}]})) + 1
            # Asked before it is added: a batch is never too large, and never empty.
            if batch and (len(batch) >= MOST_ROWS or batch_bytes + piece_bytes > MOST_BYTES):
                yield batch
                batch = []
                batch_bytes = 0
            batch.append((number, start, end))
            batch_bytes += piece_bytes

    if batch:
        yield batch


def _encode(body: object) -> bytes:
    """Return JSON in UTF-8; as ASCII an emoji would take twelve bytes for four."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _open_session(params: GoogleDlpParams) -> Any:
    """Return a session that signs requests, asks again and gives up.

    Raises:
        ConfigError: The extra `google-dlp` is not installed, or there are no credentials.
    """
    where = f"redact.detectors, {params.kind}"
    try:
        import google.auth
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import AuthorizedSession
        from requests.adapters import HTTPAdapter
        from urllib3.util.retry import Retry
    except ImportError as error:
        raise ConfigError(
            where,
            expected="the packages of the extra `google-dlp`",
            found="not all of them",
            remedy="Install them in .venv: `uv pip install google-auth requests`.",
        ) from error

    silence_requests()
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except GoogleAuthError as error:
        raise ConfigError(
            where,
            expected="Google's default credentials in the worker's environment",
            found=f"none ({kind_of_error(error)})",
            remedy="Give the machine an identity, or set GOOGLE_APPLICATION_CREDENTIALS.",
        ) from None

    # AuthorizedSession asks again by itself where a token has expired, and there alone.
    session: Any = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    retry = Retry(
        total=params.attempts - 1,
        status_forcelist=RETRIED,
        allowed_methods=None,  # POST as well: to inspect a text twice changes nothing
        backoff_factor=BACKOFF_SECONDS,
        backoff_jitter=JITTER_SECONDS,
        backoff_max=LONGEST_PAUSE_SECONDS,
        retry_after_max=LONGEST_PAUSE_SECONDS,
        raise_on_status=False,
        redirect=0,
    )
    session.mount("https://", HTTPAdapter(max_retries=retry))
    if params.endpoint:
        session.mount(params.endpoint, HTTPAdapter(max_retries=retry))
    return session
