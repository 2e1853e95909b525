"""The registry's stack for tests: any combination of its layers, from the product's own code."""

import base64
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from flows.stack.identity import PROGRAMS_CLIENT, RESOURCE, IdentityServer
from flows.stack.programs import missing_programs
from flows.stack.registry import CHECKOUT
from flows.stack.whole import Stack, StackPlan
from tasks.registry_store.pinning import pin_installation
from tasks.system.installation import Installation

MOST_STEPS = 8
CALLBACK = "http://127.0.0.1:1/callback"  # nobody listens there: the test reads the redirection


@contextmanager
def running_stack(
    folder: Path,
    layers: set[int],
    *,
    recheck_seconds: int = 1,
    trust: Mapping[str, object] | None = None,
    has_openbao: bool = False,
) -> Iterator[Stack]:
    """Run the stack with these layers; skips where a program is not installed.

    Layer 2 trusts `trust`; where that is None, an installation that has not released anything.
    """
    if 2 in layers and trust is None:
        environ = {"PORTCULLIS_HOME": str(folder / "home")}
        trust = pin_installation(Installation.open(CHECKOUT, environ), [])
    plan = StackPlan(
        folder,
        frozenset(layers),
        recheck_seconds=recheck_seconds,
        trust=trust,
        has_openbao=has_openbao,
    )
    with running_plan(plan) as stack:
        yield stack


@contextmanager
def running_plan(plan: StackPlan) -> Iterator[Stack]:
    """Run the stack of a plan; skips where a program is not installed."""
    needed = plan.layers - {1} if plan.provider else plan.layers
    if missing := missing_programs(needed, has_openbao=plan.has_openbao):
        pytest.skip(f"not on this machine: {', '.join(item.name for item in missing)}")
    # Where root runs the tests, PostgreSQL's account cannot enter pytest's own folder.
    data = Path(tempfile.mkdtemp(prefix="portcullis-stack-"))
    try:
        if not os.getuid():
            plan = replace(plan, postgres_folder=data / "postgres")
            data.chmod(0o711)
        with Stack(plan) as stack:
            yield stack
    finally:
        shutil.rmtree(data, ignore_errors=True)


def service_token(identity: IdentityServer, name: str) -> str:
    """Return an access token of a service for the registry, by its client credentials."""
    answer = httpx.post(
        f"{identity.issuer}/token",
        data={"grant_type": "client_credentials"},
        auth=(name, identity.service_secrets[name]),
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def person_token(identity: IdentityServer, name: str) -> str:
    """Return an access token of a person for the registry: code and PKCE, and the login page."""
    return str(person_tokens(identity, name)["access_token"])


def person_tokens(identity: IdentityServer, name: str) -> dict[str, object]:
    """Return what the provider answers when a person signs in to a program of their own."""
    verifier = secrets.token_urlsafe(32)
    digest = sha256(verifier.encode()).digest()
    query = {
        "client_id": PROGRAMS_CLIENT,
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": "openid groups registry",
        "resource": RESOURCE,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    with httpx.Client() as browser:
        answer = browser.get(f"{identity.issuer}/auth", params=query)
        for _ in range(MOST_STEPS):
            if answer.status_code == 200:
                (address,) = re.findall(r'action="([^"]+)"', answer.text)
                form = {"name": name, "password": identity.passwords[name]}
                answer = browser.post(f"{identity.issuer}{address}", data=form)
            assert answer.is_redirect, (answer.status_code, answer.text)
            target = urljoin(str(answer.url), answer.headers["location"])
            if target.startswith(CALLBACK):
                break
            answer = browser.get(target)
        else:
            raise AssertionError(answer.text)
        tokens = browser.post(
            f"{identity.issuer}/token",
            data={
                "client_id": PROGRAMS_CLIENT,
                "grant_type": "authorization_code",
                "code": parse_qs(urlsplit(target).query)["code"][0],
                "redirect_uri": CALLBACK,
                "code_verifier": verifier,
            },
        )
    tokens.raise_for_status()
    found: dict[str, object] = tokens.json()
    return found


@contextmanager
def browser_session(stack: Stack, name: str) -> Iterator[httpx.Client]:
    """Sign a person in to the pages, as a browser does, and yield a client with their cookie."""
    assert stack.identity
    with httpx.Client(base_url=stack.origin, follow_redirects=True) as browser:
        page = browser.get("/", headers={"accept": "text/html"})
        (address,) = re.findall(r'action="([^"]+)"', page.text)
        form = {"name": name, "password": stack.identity.passwords[name]}
        arrived = browser.post(f"{stack.identity.issuer}{address}", data=form)
        assert str(arrived.url).startswith(stack.origin), arrived.text
        yield browser
