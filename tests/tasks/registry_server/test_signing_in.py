"""Sessions of browsers: the whole way by the real server, and what is refused on it."""

import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.registry_servers import RunningRegistry
from tests.tasks.registry_server.conftest import ADMIN, AUDITOR, SCIENTIST, STRANGER, Clients

pytestmark = pytest.mark.integration

API = "/ajax-api/2.0/mlflow"
CREATE = f"{API}/experiments/create"


@pytest.fixture
def browser(server: RunningRegistry) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.origin, timeout=30) as client:
        yield client


def sign_in(browser: httpx.Client, clients: Clients, subject: str) -> httpx.Response:
    """Follow the browser's way from the first page to the session, and return the last answer."""
    clients.issuer.signs_in = subject
    page = browser.get("/", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/portcullis/login")
    to_provider = browser.get("/portcullis/login")
    back = httpx.get(to_provider.headers["location"])
    return browser.get(back.headers["location"])


def own_page(server: RunningRegistry) -> dict[str, str]:
    return {"origin": server.origin}


def test_a_person_signs_in_reads_writes_and_leaves(
    browser: httpx.Client, clients: Clients, server: RunningRegistry
) -> None:
    arrived = sign_in(browser, clients, SCIENTIST)
    assert (arrived.status_code, arrived.headers["location"]) == (303, "/")
    cookie = next(
        line for line in arrived.headers.get_list("set-cookie") if "portcullis-session=" in line
    )
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "portcullis-signing-in=;" in " ".join(arrived.headers.get_list("set-cookie"))

    assert browser.get("/").status_code == 200
    made = browser.post(CREATE, json={"name": "by a browser"}, headers=own_page(server))
    assert made.status_code == 200, made.text
    refused = browser.post(
        f"{API}/registered-models/create", json={"name": "x"}, headers=own_page(server)
    )
    assert refused.json()["kind"] == "role.registry"

    gone = browser.post("/portcullis/logout", headers=own_page(server))
    assert gone.status_code == 303
    assert browser.get(f"{API}/experiments/get").status_code == 401


def test_a_copy_of_a_cookie_ends_with_the_session(
    browser: httpx.Client, clients: Clients, server: RunningRegistry
) -> None:
    """At the provider, too: another process of the server asks there."""
    sign_in(browser, clients, SCIENTIST)
    search = f"{API}/registered-models/search"
    copied = {"cookie": f"portcullis-session={browser.cookies['portcullis-session']}"}
    assert httpx.get(f"{server.origin}{search}", headers=copied).status_code == 200
    tokens = set(clients.issuer.access)

    assert browser.post("/portcullis/logout", headers=own_page(server)).status_code == 303
    replayed = httpx.get(f"{server.origin}{search}", headers=copied)
    assert (replayed.status_code, replayed.json()["kind"]) == (401, "identity.ended")
    assert len(tokens - set(clients.issuer.access)) == 1


def test_a_person_signs_out_while_the_provider_is_silent(
    browser: httpx.Client, clients: Clients, server: RunningRegistry
) -> None:
    sign_in(browser, clients, SCIENTIST)
    copied = {"cookie": f"portcullis-session={browser.cookies['portcullis-session']}"}
    clients.issuer.is_down = True
    try:
        assert browser.post("/portcullis/logout", headers=own_page(server)).status_code == 303
    finally:
        clients.issuer.is_down = False
    replayed = httpx.get(f"{server.origin}{API}/registered-models/search", headers=copied)
    assert replayed.json()["kind"] == "identity.ended"


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1"])
def test_another_site_s_page_changes_nothing(
    browser: httpx.Client, clients: Clients, origin: str | None
) -> None:
    sign_in(browser, clients, SCIENTIST)
    headers = {"origin": origin} if origin else {}
    for path in (CREATE, "/portcullis/logout"):
        refused = browser.post(path, json={"name": "forged"}, headers=headers)
        assert (refused.status_code, refused.json()["kind"]) == (403, "request.origin")


def test_who_leaves_a_group_is_out_at_the_next_question(
    browser: httpx.Client, clients: Clients
) -> None:
    sign_in(browser, clients, AUDITOR)
    search = f"{API}/registered-models/search"
    assert browser.get(search).status_code == 200
    clients.issuer.groups[AUDITOR] = []
    try:
        time.sleep(1.1)  # `recheck_seconds` of this server
        refused = browser.get(search)
        assert (refused.status_code, refused.json()["kind"]) == (403, "identity.no_role")
    finally:
        clients.issuer.groups[AUDITOR] = ["audit"]


def test_a_session_that_the_provider_ended_is_over(browser: httpx.Client, clients: Clients) -> None:
    sign_in(browser, clients, SCIENTIST)
    clients.issuer.access.clear()
    time.sleep(1.1)
    assert browser.get(f"{API}/registered-models/search").status_code == 401


def test_who_has_no_role_gets_no_session(browser: httpx.Client, clients: Clients) -> None:
    refused = sign_in(browser, clients, STRANGER)
    assert (refused.status_code, refused.json()["kind"]) == (403, "identity.no_role")
    assert "set-cookie" not in refused.headers


def test_a_session_that_is_changed_or_another_cookie_s_is_none(
    browser: httpx.Client, clients: Clients, server: RunningRegistry
) -> None:
    sign_in(browser, clients, SCIENTIST)
    value = browser.cookies["portcullis-session"]
    other = httpx.get(f"{server.origin}/portcullis/login").cookies["portcullis-signing-in"]
    flipped = value[:-2] + ("A" if value[-2] != "A" else "B") + value[-1]
    for cookie in (flipped, other, "", "a.b.c.d.e", value + "x"):
        answer = httpx.get(
            f"{server.origin}{API}/registered-models/search",
            headers={"cookie": f"portcullis-session={cookie}"},
        )
        assert answer.json()["kind"] == "identity.anonymous"


def test_a_token_and_a_session_at_once_are_refused(browser: httpx.Client, clients: Clients) -> None:
    sign_in(browser, clients, SCIENTIST)
    headers = {"authorization": f"Bearer {clients.issuer.token(ADMIN)}"}
    refused = browser.get(f"{API}/registered-models/search", headers=headers)
    assert refused.json()["kind"] == "identity.ambiguous"


def callback_of(browser: httpx.Client, clients: Clients, subject: str) -> str:
    clients.issuer.signs_in = subject
    to_provider = browser.get("/portcullis/login")
    return httpx.get(to_provider.headers["location"]).headers["location"]


def test_somebody_else_s_code_begins_no_session(browser: httpx.Client, clients: Clients) -> None:
    """Who sends a link with a code of their own would have others work in their name."""
    with httpx.Client(base_url=clients.server.origin) as attacker:
        link = callback_of(attacker, clients, SCIENTIST)
    refused = browser.get(link)
    assert (refused.status_code, refused.json()["kind"]) == (403, "identity.sign_in")
    browser.get("/portcullis/login")
    assert browser.get(link).json()["kind"] == "identity.sign_in"


def test_a_code_counts_once_and_only_with_its_state_and_issuer(
    browser: httpx.Client, clients: Clients
) -> None:
    link = callback_of(browser, clients, SCIENTIST)
    query = parse_qs(urlsplit(link).query)
    path = "/portcullis/callback"
    state, code = query["state"][0], query["code"][0]
    for wrong in (
        {"code": code},
        {"state": state},
        {"code": code, "state": state[:-1]},
        {"code": [code, code], "state": state},
        {"code": code, "state": state, "iss": "https://evil.example"},
        {"error": "access_denied", "state": state},
        {"code": code, "state": "ä"},
    ):
        assert browser.get(path, params=wrong).json()["kind"] == "identity.sign_in", wrong

    kept = dict(browser.cookies)
    assert browser.get(link).status_code == 303
    with httpx.Client(base_url=clients.server.origin, cookies=kept) as again:
        assert again.get(link).json()["kind"] == "identity.refused"


def test_sign_in_takes_each_place_by_its_method_alone(browser: httpx.Client) -> None:
    for method, path in (("POST", "/portcullis/login"), ("GET", "/portcullis/logout")):
        assert browser.request(method, path).status_code == 405
