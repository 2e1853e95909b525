"""Who is taken out of a group is out, of the pages and of the API, without anything restarted."""

import time

import httpx

from flows.stack.identity import PROGRAMS_CLIENT, RESOURCE
from flows.stack.whole import Stack
from tests.stacks import browser_session, person_tokens

SEARCH = "/ajax-api/2.0/mlflow/registered-models/search"
AT_MOST_SECONDS = 60.0


def test_a_person_without_a_group_is_out_when_the_provider_is_asked_next(
    identified: Stack,
) -> None:
    """This stack asks every second; the one of the command every 30 s."""
    identity = identified.identity
    assert identity
    people = {name: identity.groups_of(name) for name in identity.passwords}
    tokens = person_tokens(identity, "audrey")
    with browser_session(identified, "audrey") as browser:
        assert browser.get(SEARCH).status_code == 200
        identity.write_people({**people, "audrey": []})
        try:
            until = time.monotonic() + AT_MOST_SECONDS
            while (answer := browser.get(SEARCH)).status_code == 200:
                assert time.monotonic() < until
                time.sleep(0.1)
            assert (answer.status_code, answer.json()["kind"]) == (403, "identity.no_role")

            # A program's token lives for a minute at most; the next one gives nothing.
            renewed = httpx.post(
                f"{identity.issuer}/token",
                data={
                    "client_id": PROGRAMS_CLIENT,
                    "grant_type": "refresh_token",
                    "refresh_token": str(tokens["refresh_token"]),
                    "resource": RESOURCE,
                },
            )
            assert renewed.json()["expires_in"] <= 60
            headers = {"authorization": f"Bearer {renewed.json()['access_token']}"}
            refused = httpx.get(f"{identified.origin}{SEARCH}", headers=headers)
            assert (refused.status_code, refused.json()["kind"]) == (403, "identity.no_role")
        finally:
            identity.write_people(people)
