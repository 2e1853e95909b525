"""The registry's pages as people meet them: a browser, the provider's login page, and clicks."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from flows.stack.whole import GATEKEEPER, Stack
from tests.stacks import service_token

pytestmark = pytest.mark.integration

API = "/api/2.0/mlflow"
MODEL = "claims-of-pages"
ROLES = {"dana": "DataScientist", "audrey": "ModelAuditor", "adam": "Admin"}
SHOWN_WITHIN_MS = 60_000  # MLflow's pages load their parts one by one, on a busy machine slowly


@pytest.fixture(scope="module")
def stack(identified: Stack) -> Stack:
    """The stack, with a registered version of a run that has an artifact."""
    assert identified.identity
    headers = {"authorization": f"Bearer {service_token(identified.identity, GATEKEEPER)}"}
    with httpx.Client(base_url=identified.origin, headers=headers, timeout=60) as client:
        made = client.post(f"{API}/experiments/create", json={"name": "of-pages"}).json()
        values = {"experiment_id": made["experiment_id"]}
        run = client.post(f"{API}/runs/create", json=values).json()["run"]["info"]
        place = f"{run['experiment_id']}/{run['run_id']}/artifacts/model/weights.txt"
        put = client.put(f"/api/2.0/mlflow-artifacts/artifacts/{place}", content=b"judged")
        put.raise_for_status()
        client.post(f"{API}/registered-models/create", json={"name": MODEL}).raise_for_status()
        version = {
            "name": MODEL,
            "source": f"{run['artifact_uri']}/model",
            "run_id": run["run_id"],
        }
        client.post(f"{API}/model-versions/create", json=version).raise_for_status()
    return identified


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(SHOWN_WITHIN_MS)
    yield context
    context.close()


def sign_in(context: BrowserContext, stack: Stack, person: str, password: str = "") -> Page:
    """Open the registry and type at the provider's page; return the page as it is then."""
    assert stack.identity
    page = context.new_page()
    page.goto(stack.origin)
    assert page.url.startswith(stack.identity.issuer)
    page.get_by_label("Name").fill(person)
    page.get_by_label("Password").fill(password or stack.identity.passwords[person])
    page.get_by_role("button", name="Sign in").click()
    return page


def show(page: Page, stack: Stack, place: str, text: str) -> None:
    page.goto(f"{stack.origin}/{place}")
    expect(page.get_by_text(text).first).to_be_visible(timeout=SHOWN_WITHIN_MS)


@pytest.mark.parametrize(("person", "role"), ROLES.items())
def test_each_role_signs_in_and_sees_models_and_what_they_may_do(
    context: BrowserContext, stack: Stack, person: str, role: str
) -> None:
    faults: list[str] = []
    page = sign_in(context, stack, person)
    page.on("pageerror", lambda error: faults.append(str(error)))
    show(page, stack, "#/models", MODEL)
    show(page, stack, f"#/models/{MODEL}/versions/1", "Version 1")
    page.goto(f"{stack.origin}/#/experiments")
    expect(page.get_by_role("link", name="of-pages")).to_be_visible(timeout=SHOWN_WITHIN_MS)
    show(page, stack, "portcullis/account", role)
    expect(page.locator("body")).to_contain_text(person)
    assert faults == []


@pytest.mark.parametrize("person", ROLES)
def test_a_model_that_is_made_by_the_pages_is_refused_in_words(
    context: BrowserContext, stack: Stack, person: str
) -> None:
    page = sign_in(context, stack, person)
    show(page, stack, "#/models", MODEL)
    # MLflow shows news about its registry once.
    page.add_locator_handler(
        page.get_by_role("button", name="Try it now"), lambda button: button.click()
    )
    page.get_by_role("button", name="Create Model").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input").first.fill("mine")
    dialog.get_by_role("button", name="Create", exact=True).click()
    refusal = "None of your roles may change the registry"
    expect(page.get_by_text(refusal)).to_be_visible(timeout=SHOWN_WITHIN_MS)
    assert refusal_of_last_call(stack) == "role.registry"


def refusal_of_last_call(stack: Stack) -> str:
    kinds = re.findall(r'"refusal":"([^"]+)"', stack.audit_file.read_text(encoding="utf-8"))
    return str(kinds[-1])


def test_who_signs_out_is_asked_for_a_password_and_a_copy_of_the_cookie_is_worth_nothing(
    context: BrowserContext, stack: Stack
) -> None:
    page = sign_in(context, stack, "dana")
    show(page, stack, "#/models", MODEL)
    cookies = context.cookies(stack.origin)
    copied = {"cookie": "; ".join(f"{item['name']}={item['value']}" for item in cookies)}
    search = f"{stack.origin}/ajax-api/2.0/mlflow/registered-models/search"
    assert httpx.get(search, headers=copied).status_code == 200

    page.goto(f"{stack.origin}/portcullis/account")
    page.get_by_role("button", name="Sign out").click()
    # The provider asks once more.
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto(stack.origin)
    expect(page.get_by_label("Password")).to_be_visible()
    assert httpx.get(search, headers=copied).status_code == 401


def test_a_wrong_password_and_a_person_without_a_group_are_told_so(
    context: BrowserContext, stack: Stack
) -> None:
    assert stack.identity
    page = sign_in(context, stack, "adam", password="another")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.url.startswith(stack.identity.issuer)

    people = {person: stack.identity.groups_of(person) for person in ROLES}
    stack.identity.write_people({**people, "adam": []})
    try:
        page.get_by_label("Name").fill("adam")
        page.get_by_label("Password").fill(stack.identity.passwords["adam"])
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("None of your groups has a role here.")
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    finally:
        stack.identity.write_people(people)
