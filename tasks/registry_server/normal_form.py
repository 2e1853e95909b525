"""The one form in which a request is taken.

Two readers of a request that differ in what it means are how a check is passed that the handler
does not make. Everything that can be read in two ways is refused before anything is decided: it is
never mended, for a mended request is a third reading.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from tasks.formats.strict_json import JsonFaultError, parse_json
from tasks.registry_server.calls import CallRefusedError, Message, Receive, Scope

MOST_PATH_BYTES = 4096
MOST_QUERY_BYTES = 16384
MOST_HEADER_BYTES = 32768
MOST_JSON_BYTES = 16 << 20
# How long a body may take: half a minute, and longer only while it comes at half a megabit/s.
PATIENCE_SECONDS = 30.0
LEAST_BYTES_A_SECOND = 64 << 10

# RFC 3986, 3.3: `pchar`, and `/` between segments.
_PATH = re.compile(rb"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SEPARATORS = frozenset(b"/\\%")

# Headers by which a framework would take another path, method or host than the request line says.
REWRITING = frozenset(
    {
        b"x-http-method-override",
        b"x-http-method",
        b"x-method-override",
        b"x-original-url",
        b"x-rewrite-url",
        b"x-original-uri",
        b"x-forwarded-prefix",
        b"x-script-name",
    }
)
# What may stand once: a second one is read by some and not by others.
SINGLE = frozenset(
    {b"host", b"authorization", b"content-type", b"content-length", b"transfer-encoding", b"origin"}
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
READING_METHODS = frozenset({"GET", "HEAD"})
# Keys that say where bytes lie: with them the server reads, or writes, for somebody else.
PLACE_KEYS = frozenset({"artifactlocation", "artifacturi", "artifactroot"})
PLACE_TAG = "mlflow.artifactLocation"


def require_host(scope: Scope, allowed: frozenset[str]) -> None:
    """Refuse a request that names another host; browsers are led there by DNS rebinding.

    Raises:
        CallRefusedError: It does, or it names none.
    """
    names = [value for name, value in scope["headers"] if name == b"host"]
    if len(names) != 1 or names[0].decode("latin-1") not in allowed:
        raise CallRefusedError(421, "request.host", "This server does not answer to that host.")


def require_normal_form(scope: Scope) -> None:
    """Refuse a request line and headers that can be read in two ways.

    Raises:
        CallRefusedError: It says which rule is broken, and quotes nothing.
    """
    if scope["method"] not in METHODS:
        raise _malformed("method", "This method is not served.")
    if scope.get("root_path"):
        raise _malformed("prefix", "This server is not served below a prefix.")
    _require_path(scope["raw_path"], scope["path"])
    _require_headers(scope["headers"])

    query = scope["query_string"]
    if len(query) > MOST_QUERY_BYTES:
        raise CallRefusedError(414, "request.query", "The query is too long.")
    if scope["method"] not in READING_METHODS:
        keys = Counter(key for key, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
        if any(count > 1 for count in keys.values()):
            raise _malformed("query", "A key of the query stands there twice.")


def _require_path(raw: bytes, decoded: str) -> None:
    if len(raw) > MOST_PATH_BYTES:
        raise CallRefusedError(414, "request.path", "The path is too long.")

    if not _PATH.fullmatch(raw):
        raise _malformed("path", "The path has a character that has to be encoded.")

    for code in _ENCODED.findall(raw):
        byte = int(code, 16)
        # A letter that is encoded is one that somebody hides; an encoded separator is one for some
        # readers; an encoded `%` is decoded a second time by some.
        if byte in _UNRESERVED or byte in _SEPARATORS or byte < 0x20 or byte == 0x7F:
            raise _malformed("path", "The path encodes what has to stand there as it is.")

    segments = decoded.split("/")[1:]
    if "" in segments[:-1] or "." in segments or ".." in segments:
        raise _malformed("path", "The path has an empty segment, or one of dots.")


def _require_headers(headers: list[tuple[bytes, bytes]]) -> None:
    if sum(len(name) + len(value) for name, value in headers) > MOST_HEADER_BYTES:
        raise CallRefusedError(431, "request.headers", "The headers are too long.")

    counts = Counter(name for name, _ in headers)
    if any(counts[name] > 1 for name in SINGLE):
        raise _malformed("headers", "A header stands there twice.")

    # A decision about one path, and a handler that takes another from the header.
    if REWRITING & set(counts):
        raise _malformed("headers", "A header asks for another path or method than the request.")

    # RFC 9112, 6.1: how requests are smuggled past a server in front.
    if counts[b"content-length"] and counts[b"transfer-encoding"]:
        raise _malformed("headers", "The length is given in two ways.")

    # Bounds hold for the bytes as they come: what unfolds inside MLflow would pass them.
    if any(name == b"content-encoding" and value != b"identity" for name, value in headers):
        raise CallRefusedError(415, "request.encoding", "A compressed body is not taken.")


def without_forwarding(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers without what a proxy says about the way here.

    The server in front has read them; MLflow needs none.
    """
    return [
        (name, value)
        for name, value in headers
        if not name.startswith(b"x-forwarded-") and name != b"forwarded"
    ]


async def read_whole(receive: Receive, most_bytes: int) -> bytes:
    """Read a body that is looked into.

    Raises:
        CallRefusedError: It is too long, or whoever sent it went away.
    """
    chunks: list[bytes] = []
    length = 0
    is_last = False
    while not is_last:
        message = await receive()

        if message["type"] != "http.request":
            raise _malformed("body", "The body ended before its end.")
        chunk = message.get("body", b"")

        # Counted while it comes: a length that the headers state may be wrong, or missing.
        length += len(chunk)
        if length > most_bytes:
            raise CallRefusedError(413, "request.body", "The body is too long.")

        chunks.append(chunk)
        is_last = not message.get("more_body", False)

    return b"".join(chunks)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, and then whatever comes."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


def bounded(receive: Receive, most_bytes: int) -> Receive:
    """Return a stream that is refused where it is longer than `most_bytes`, or ends too early.

    MLflow's bridge to Flask hands on what came before a sender went away, as if it were the whole.

    Raises:
        CallRefusedError: By the stream, when it is read.
    """
    length = 0
    is_whole = False

    async def counted() -> Message:
        nonlocal length, is_whole
        message = await receive()

        # What follows the body is the news that its sender went away: not an error by then.
        if is_whole:
            return message

        if message["type"] != "http.request":
            raise _malformed("body", "The body ended before its end.")

        length += len(message.get("body", b""))
        if length > most_bytes:
            raise CallRefusedError(413, "request.body", "The body is too long.")

        is_whole = not message.get("more_body", False)
        return message

    return counted


def in_time(
    receive: Receive,
    patience_seconds: float = PATIENCE_SECONDS,
    least_bytes_a_second: int = LEAST_BYTES_A_SECOND,
) -> Receive:
    """Return a body that is refused where it comes too slowly; the web server itself waits forever.

    After the first seconds, all that has come has to have come at the least rate. What comes after
    the body, the news that its sender went away, is waited for without a limit.

    Raises:
        CallRefusedError: By the stream, when it is read.
    """
    began_at: float | None = None
    length = 0
    is_whole = False

    async def timed() -> Message:
        nonlocal began_at, length, is_whole
        if is_whole:
            return await receive()

        # The time grows by what has come: a large body may take long, a dripping one may not.
        began_at = began_at or time.monotonic()
        until = began_at + patience_seconds + length / least_bytes_a_second

        try:
            async with asyncio.timeout(until - time.monotonic()):
                message = await receive()
        except TimeoutError as error:
            raise CallRefusedError(
                408, "request.slow", "The body came too slowly, or not at all."
            ) from error

        length += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        return message

    return timed


def parse_body(body: bytes) -> dict[str, Any]:
    """Return the object that a body holds; an empty body holds an empty one.

    Raises:
        CallRefusedError: It is no JSON object, or one key stands there twice, be it in two
            spellings: Protobuf's reader takes `run_id` and `runId` for the same field.
    """
    if not body:
        return {}

    try:
        values = parse_json(body)
    except JsonFaultError as error:
        raise _malformed("json", f"The body: {error}.") from error

    if not isinstance(values, dict):
        raise _malformed("json", "The body is no JSON object.")
    # Below the first level lie people's own maps, in which `a_b` and `ab` may both be keys.
    if len({spelling(key) for key in values}) < len(values):
        raise _malformed("json", "A key stands there in two spellings.")

    return values


def names_place(values: dict[str, Any]) -> bool:
    """Say whether a body names where artifacts lie."""
    for item in _objects(values):
        if any(spelling(key) in PLACE_KEYS and value for key, value in item.items()):
            return True
        if PLACE_TAG in item or PLACE_TAG in item.values():
            return True
    return False


def spelling(key: str) -> str:
    """Return what is equal for `run_id`, `runId` and `RunID`."""
    return key.replace("_", "").lower()


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _malformed(what: str, text: str) -> CallRefusedError:
    return CallRefusedError(400, f"request.{what}", text)
