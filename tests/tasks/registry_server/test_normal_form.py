"""What can be read in two ways is refused, by kind, and what is usual passes."""

import asyncio
from typing import Any

import pytest

from tasks.registry_server.calls import CallRefusedError, Message
from tasks.registry_server.normal_form import (
    bounded,
    in_time,
    names_place,
    parse_body,
    read_whole,
    replay,
    require_host,
    require_normal_form,
    without_forwarding,
)


def scope_of(
    path: bytes = b"/a",
    method: str = "POST",
    query: bytes = b"",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    **others: Any,
) -> dict[str, Any]:
    from urllib.parse import unquote_to_bytes

    decoded = unquote_to_bytes(path).decode("utf-8", "replace")
    return {
        "type": "http",
        "method": method,
        "path": decoded,
        "raw_path": path,
        "query_string": query,
        "headers": list(headers),
        "root_path": "",
        **others,
    }


def kind_of_refusal(scope: dict[str, Any]) -> str:
    try:
        require_normal_form(scope)
    except CallRefusedError as refusal:
        return refusal.kind
    return ""


@pytest.mark.parametrize(
    "path",
    [
        b"//api/2.0",
        b"/api//2.0",
        b"/api/./2.0",
        b"/api/../2.0",
        b"/api/..",
        b"/%61pi/2.0",
        b"/api%2F2.0",
        b"/api%2f2.0",
        b"/api/%2e%2e/x",
        b"/api%5c2.0",
        b"/api/a%252f",
        b"/api/a%00",
        b"/api/a%0a",
        b"/api/a%7f",
        b"/api/a b",
        b"/api\\2.0",
        b"/api/%zz",
        b"/api/\xc3\xa4",
        b"api",
        b"http://other/api",
        b"",
    ],
)
def test_a_path_that_two_readers_take_differently_is_refused(path: bytes) -> None:
    assert kind_of_refusal(scope_of(path)) == "request.path"


@pytest.mark.parametrize(
    "path",
    [b"/", b"/a/b.c/d-e_f~g", b"/a/with%20space/%C3%A4.txt", b"/models/x:generate", b"/jobs/"],
)
def test_a_usual_path_passes(path: bytes) -> None:
    assert kind_of_refusal(scope_of(path)) == ""


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        (((b"x-http-method-override", b"DELETE"),), "request.headers"),
        (((b"x-forwarded-prefix", b"/x"),), "request.headers"),
        (((b"x-original-url", b"/x"),), "request.headers"),
        (((b"authorization", b"a"), (b"authorization", b"b")), "request.headers"),
        (((b"content-type", b"a"), (b"content-type", b"b")), "request.headers"),
        (((b"content-length", b"1"), (b"transfer-encoding", b"chunked")), "request.headers"),
        (((b"content-encoding", b"gzip"),), "request.encoding"),
        (((b"x", b"y" * 40_000),), "request.headers"),
        (((b"x-forwarded-for", b"10.0.0.1"),), ""),
    ],
)
def test_headers_that_ask_for_something_else_are_refused(
    headers: tuple[tuple[bytes, bytes], ...], kind: str
) -> None:
    assert kind_of_refusal(scope_of(headers=headers)) == kind


def test_methods_prefixes_and_queries() -> None:
    assert kind_of_refusal(scope_of(method="TRACE")) == "request.method"
    assert kind_of_refusal(scope_of(method="post")) == "request.method"
    assert kind_of_refusal(scope_of(root_path="/x")) == "request.prefix"
    assert kind_of_refusal(scope_of(query=b"run_uuid=a&run_uuid=b")) == "request.query"
    assert kind_of_refusal(scope_of(query=b"run_uuid=a&run%5fuuid=b")) == "request.query"
    assert kind_of_refusal(scope_of(method="GET", query=b"run_id=a&run_id=b")) == ""
    assert kind_of_refusal(scope_of(query=b"a=" + b"b" * 20_000)) == "request.query"


@pytest.mark.parametrize("host", [b"evil.example", b"127.0.0.1", b"127.0.0.1:80:80", b""])
def test_another_host_is_refused(host: bytes) -> None:
    with pytest.raises(CallRefusedError, match="host"):
        require_host(scope_of(headers=((b"host", host),)), frozenset({"127.0.0.1:5000"}))


def test_no_host_or_two_are_refused_and_the_right_one_passes() -> None:
    right = (b"host", b"registry.example")
    allowed = frozenset({"registry.example"})
    require_host(scope_of(headers=(right,)), allowed)
    for headers in ((), (right, right)):
        with pytest.raises(CallRefusedError):
            require_host(scope_of(headers=headers), allowed)


def test_what_a_proxy_says_does_not_reach_mlflow() -> None:
    headers = [(b"x-forwarded-host", b"a"), (b"forwarded", b"b"), (b"accept", b"c")]
    assert without_forwarding(headers) == [(b"accept", b"c")]


@pytest.mark.parametrize(
    "body",
    [
        b'{"run_id": "a", "run_id": "b"}',
        b'{"run_id": "a", "runId": "b"}',
        b'{"tags": [{"key": "a", "key": "b"}]}',
        b'"{\\"name\\": \\"x\\"}"',  # MLflow decodes a text of JSON once more
        b"[]",
        b'{"a": NaN}',
        b"{",
        b"\xff",
    ],
)
def test_a_body_that_two_readers_take_differently_is_refused(body: bytes) -> None:
    with pytest.raises(CallRefusedError) as refusal:
        parse_body(body)
    assert refusal.value.kind == "request.json"


def test_a_usual_body_passes() -> None:
    assert parse_body(b"") == {}
    nested = b'{"trace": {"a_b": 1, "ab": 2}}'
    assert parse_body(nested) == {"trace": {"a_b": 1, "ab": 2}}


@pytest.mark.parametrize(
    "values",
    [
        {"artifact_location": "s3://x"},
        {"artifactLocation": "file:///etc"},
        {"a": [{"artifact_uri": "x"}]},
        {"key": "mlflow.artifactLocation", "value": "file:///etc"},
        {"trace": {"tags": {"mlflow.artifactLocation": "file:///etc"}}},
    ],
)
def test_a_place_is_found_wherever_it_is_named(values: dict[str, Any]) -> None:
    assert names_place(values)


def test_an_empty_place_is_none() -> None:
    assert not names_place({"artifact_location": "", "name": "artifact_location"})


def stream(*chunks: bytes) -> Any:
    pending = list(chunks)

    async def receive() -> Message:
        if not pending:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pending.pop(0), "more_body": bool(pending)}

    return receive


def test_a_body_is_read_up_to_its_limit_and_given_again() -> None:
    async def read() -> bytes:
        whole = await read_whole(stream(b"ab", b"cd"), 4)
        again = replay(whole, stream())
        first = await again()
        assert (await again())["type"] == "http.disconnect"
        return bytes(first["body"])

    assert asyncio.run(read()) == b"abcd"
    with pytest.raises(CallRefusedError) as refusal:
        asyncio.run(read_whole(stream(b"ab", b"cde"), 4))
    assert refusal.value.status == 413
    with pytest.raises(CallRefusedError):
        asyncio.run(read_whole(stream(), 4))


async def read_all(receive: Any) -> list[bytes]:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message["body"])
        if not message["more_body"]:
            return chunks


@pytest.mark.parametrize(
    ("chunks", "status"),
    [((b"ab", b"cd", b"e"), 413), ((), 400)],
    ids=["too long", "its sender went away"],
)
def test_a_stream_that_is_no_whole_file_is_refused(chunks: tuple[bytes, ...], status: int) -> None:
    with pytest.raises(CallRefusedError) as refusal:
        asyncio.run(read_all(bounded(stream(*chunks), 4)))
    assert refusal.value.status == status


def test_after_a_whole_stream_its_sender_may_go_away() -> None:
    async def last_type() -> str:
        receive = bounded(stream(b"ab", b"cd"), 4)
        await read_all(receive)
        return str((await receive())["type"])

    assert asyncio.run(last_type()) == "http.disconnect"


def dripping(seconds: float) -> Any:
    async def receive() -> Message:
        await asyncio.sleep(seconds)
        return {"type": "http.request", "body": b"x", "more_body": True}

    return receive


@pytest.mark.parametrize("seconds", [0.001, 3600])
def test_a_body_that_drips_or_never_comes_is_refused(seconds: float) -> None:
    receive = in_time(dripping(seconds), patience_seconds=0.05, least_bytes_a_second=10**6)
    with pytest.raises(CallRefusedError) as refusal:
        asyncio.run(read_all(receive))
    assert (refusal.value.status, refusal.value.kind) == (408, "request.slow")


def test_whoever_waits_for_an_answer_is_given_time_after_the_body() -> None:
    async def types() -> list[str]:
        pending = [{"type": "http.request", "body": b"x", "more_body": False}]

        async def receive() -> Message:
            if pending:
                return pending.pop()
            await asyncio.sleep(0.1)
            return {"type": "http.disconnect"}

        timed = in_time(receive, patience_seconds=0.05)
        return [(await timed())["type"] for _ in range(2)]

    assert asyncio.run(types()) == ["http.request", "http.disconnect"]
