"""Ask the policy in `configs/policy`: the embedded engine always, and OPA at `$OPA_URL` besides.

Both must allow. A server can only add refusals: whoever answers at that address, and whatever it
says that it holds, the policy of this workspace was evaluated here. An engine that is down, slow,
of another policy, or that answers anything but the expected object refuses. regopy is not
thread-safe: each thread has its own interpreter, built once for each policy.
"""

import atexit
import json
import re
import threading
import time
import urllib.error
import urllib.request
from functools import lru_cache
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from tasks.errors import ConfigError, Refusal, ServiceError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.system.installation import Installation

FOLDER = Path("configs") / "policy"
RULE = "portcullis/clearance/decision"
REQUIRED_CHECKS = "portcullis/clearance/required_checks"
SECONDS = 5.0
MOST_ANSWER_BYTES = 16 << 20  # of all policies of a server, with their syntax trees

# rego-cpp 1.5 writes the texts of an answer as they are, between quotes, and `sprintf` takes quotes
# off its arguments. A quote in a fact (a file's name, an actor, a group in the data) ended the text
# there, and whoever chose the fact could go on with `"allow": true`. So what JSON has to escape
# goes in as a character of a private plane, and comes back from there. Where a fact holds one of
# those itself, it is replaced: it stands in no text that anybody reads.
PLANE = 0xF0000
ESCAPED = (*range(0x20), ord('"'), ord("\\"), 0x7F)
VEILED = {PLANE + code: 0xFFFD for code in range(0x80)} | {code: PLANE + code for code in ESCAPED}
UNVEILED = {PLANE + code: code for code in ESCAPED}


def refusals(facts: dict[str, Any], installation: Installation) -> tuple[Refusal, ...]:
    """Return why the policy refuses, by whichever engine, sorted by text; empty: all allow.

    Raises:
        ConfigError: There is no policy, or it does not compile.
        ServiceError: An engine did not answer, or not with a decision.
    """
    return refusals_of(facts, installation.workspace, installation.settings.opa_url)


def refusals_of(facts: dict[str, Any], workspace: Path, opa_url: str) -> tuple[Refusal, ...]:
    """Return why the policy of a workspace refuses, as `refusals` does.

    Raises:
        ConfigError: There is no policy, or it does not compile.
        ServiceError: An engine did not answer, or not with a decision.
    """
    modules = _modules(workspace)
    denials = set(_read_answer(_embedded(facts, modules)))
    if opa_url:
        denials |= set(_read_answer(_over_http(opa_url, facts, modules)))

    return tuple(
        sorted(denials, key=lambda denial: (denial.text, denial.kind, denial.gate, denial.check))
    )


def query_required_checks(workspace: Path) -> dict[str, tuple[str, ...]]:
    """Return gate -> the ids of the checks that the policy requires of it.

    Raises:
        ConfigError: There is no policy, it does not compile, or it says nothing of them.
    """
    answer = _embedded({}, _modules(workspace), REQUIRED_CHECKS)
    if not isinstance(answer, dict) or not answer:
        raise _does_not_compile(FOLDER.as_posix(), f"nothing at {REQUIRED_CHECKS}")
    return {str(gate): tuple(str(check) for check in checks) for gate, checks in answer.items()}


def _modules(workspace: Path) -> tuple[tuple[str, str], ...]:
    """Return name and text of every module, without tests."""
    paths = sorted(
        path for path in (workspace / FOLDER).glob("*.rego") if not path.stem.endswith("_test")
    )
    if not paths:
        raise ConfigError(
            FOLDER.as_posix(),
            expected="a policy",
            found="none",
            remedy="Restore it: no policy, no clearance.",
        )

    modules = []
    for path in paths:
        try:
            modules.append((path.name, read_regular_file(path).decode()))
        except (OSError, UnicodeDecodeError) as error:
            found = describe_unreadable(error)
            raise _does_not_compile(f"{FOLDER.as_posix()}/{path.name}", found) from error
    return tuple(modules)


def _embedded(facts: dict[str, Any], modules: tuple[tuple[str, str], ...], rule: str = RULE) -> Any:
    from regopy import Input
    from regopy.rego_shared import RegoError

    interpreter, bundle = _build(threading.get_ident(), modules, rule)
    try:
        # Veiled and unveiled for the embedded engine alone: OPA escapes what it writes.
        interpreter.set_input(Input(_translate(facts, VEILED)))
        answer = interpreter.query_bundle_entrypoint(bundle, rule)
    except (RegoError, ValueError) as error:
        # ValueError: what it wrote is no JSON, or no UTF-8.
        raise _no_decision("the embedded policy engine", type(error).__name__) from None

    # The text of an answer that is not ok is never asked for: rego-cpp 1.5 can crash on it.
    if not answer.ok() or not len(answer) or not answer[0].expressions:
        raise _no_decision("the embedded policy engine", "no result")
    return _translate(answer[0].expressions[0], UNVEILED)


def _translate(value: Any, table: dict[int, int]) -> Any:
    """Return a JSON value with `table` applied to every text in it, names of fields included."""
    if isinstance(value, str):
        # Lone surrogates have no UTF-8; a question mark stands for each.
        return value.encode("utf-8", errors="replace").decode("utf-8").translate(table)
    if isinstance(value, dict):
        return {_translate(name, table): _translate(item, table) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_translate(item, table) for item in value]
    return value


@lru_cache(maxsize=16)
def _build(
    thread: int,  # noqa: ARG001 - a part of the cache's key: no two threads share an interpreter
    modules: tuple[tuple[str, str], ...],
    rule: str,
) -> tuple[Any, Any]:
    from regopy import Interpreter
    from regopy.rego_shared import RegoError

    interpreter = Interpreter()
    name = FOLDER.as_posix()
    try:
        for name, text in modules:
            interpreter.add_module(name, text)
        bundle = interpreter.build(None, [rule])
    except RegoError as error:
        # The place alone: the rest of rego-cpp's message quotes the module over many lines.
        place = re.search(r"-- ?([^\n]*:\d+:\d+)|\(errormsg \d+:([^)]*)\)", str(error))
        raise _does_not_compile(name, place[0] if place else "an error") from None
    if not bundle.ok():
        raise _does_not_compile(name, f"no rule {rule}, or an error in it")
    return interpreter, bundle


# regopy's destructors need its module, which Python takes down before them.
atexit.register(_build.cache_clear)


def _over_http(url: str, facts: dict[str, Any], modules: tuple[tuple[str, str], ...]) -> Any:
    """Return the answer of an OPA server that holds the very text of the policy here."""
    match _ask(f"{url}/v1/policies", None):
        case {"result": [*policies]}:
            texts = {str(policy.get("raw")) for policy in policies if isinstance(policy, dict)}
        case _:
            texts = set()
    # By the text, and not by a name or a version that the server gives: an answer of another policy
    # would be no opinion about this one. It may hold others besides.
    if missing := [name for name, text in modules if text not in texts]:
        raise ServiceError(
            f"policy engine {url}",
            expected="the policy of configs/policy",
            found=f"another for {missing[0]}, or none",
            remedy="Load configs/policy into it: its digest is in every verdict.",
        )

    answer = _ask(f"{url}/v1/data/{RULE}", {"input": facts})
    return answer.get("result") if isinstance(answer, dict) else None


def _ask(url: str, body: dict[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body, allow_nan=False).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})

    deadline = time.monotonic() + SECONDS
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.loads(_read_until(deadline, answer))
    # HTTPException: what speaks no HTTP. RecursionError: JSON that nests without an end.
    except (OSError, HTTPException, ValueError, RecursionError) as error:
        raise ServiceError(
            f"policy engine {url}",
            expected=f"an answer within {SECONDS:g} s",
            found=type(error).__name__,
            remedy="Nothing is cleared without it: start it, or unset OPA_URL to ask the embedded "
            "one alone.",
        ) from error


def _read_until(deadline: float, answer: HTTPResponse) -> bytes:
    """Return what a server sends.

    Raises:
        TimeoutError: It is still sending at the deadline.
        ValueError: It sends too much.
    """
    # The time-out of a socket is that of each read: a byte now and then would never end.
    data = bytearray()
    while part := answer.read1(1 << 16):
        data += part
        if len(data) > MOST_ANSWER_BYTES:
            raise ValueError("too large")
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(data)


def _read_answer(answer: Any) -> tuple[Refusal, ...]:
    """Return the refusals of an answer that is a decision, and whose two halves agree."""
    match answer:
        # `True` and not merely true: 1 is no answer. Nothing may stand beside the two fields.
        case {"allow": True, "refusals": [], **more} if not more:
            return ()
        case {"allow": False, "refusals": [_, *_] as values, **more} if not more:
            try:
                return tuple(Refusal.from_dict(denial) for denial in values)
            except ValueError as error:
                raise _no_decision("policy engine", str(error)) from error
        case _:
            raise _no_decision("policy engine", json.dumps(answer, default=str)[:200])


def _no_decision(where: str, found: str) -> ServiceError:
    return ServiceError(
        where,
        expected="an object with `allow` and `refusals`, each with `kind` and `text`",
        found=found,
        remedy="Nothing is cleared: mend the policy.",
    )


def _does_not_compile(where: str, found: str) -> ConfigError:
    return ConfigError(
        where,
        expected="a policy that compiles",
        found=found[:300],
        remedy="Mend it; nothing is cleared.",
    )
