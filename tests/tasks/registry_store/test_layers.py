"""All layers together: of the whole list nothing is let through, and who may is let through."""

from pathlib import Path

import httpx
import pytest

from flows.cli.proof import approve
from flows.stack.whole import Stack
from tasks.promotion.moving import promote, roll_back
from tasks.registry.aliases import find_aliased
from tasks.serving import verify_model
from tests.attempts import API
from tests.cases import change_case
from tests.flows.cli.running import run
from tests.installations import installation_at
from tests.layers import Way, try_everything
from tests.registry_stores import release
from tests.stacks import service_token
from tests.tasks.judged import CASE
from tests.tasks.promotion.conftest import RULE
from tests.tasks.registering import enrol, model_here, train_another

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ALIAS = "champion"


def test_with_all_layers_nothing_is_let_through_but_what_log_rule_and_person_allow(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def promote_twice_and_go_back(stack: Stack) -> None:
        key = enrol(signed, "ann")
        assert serve(signed, key) == "1"
        train_another(signed)
        code, lines = release(signed, stack.origin, monkeypatch)
        assert code == 0, lines
        assert serve(signed, key) == "2"

        assert move_by_hand(stack, "1") == httpx.codes.BAD_REQUEST
        assert find_aliased(CASE, ALIAS, installation_at(signed)) == "2"
        assert roll_back(CASE, ALIAS, installation_at(signed)).period.version == 1
        verified = verify_model(f"models:/{CASE}@{ALIAS}", installation_at(signed))
        assert (verified.version, find_aliased(CASE, ALIAS, installation_at(signed))) == ("1", "1")

    change_case(signed, CASE, lambda values: values.update(promote=RULE))
    outcomes = try_everything(
        tmp_path / "stack",
        frozenset({1, 2, 3, 4}),
        signed,
        monkeypatch,
        promote_twice_and_go_back,
    )
    assert {outcome.way for outcome in outcomes} == set(Way)
    assert [(item.way, item.name) for item in outcomes if item.is_through] == []


def serve(root: Path, key: Path) -> str:
    """Approve the model that lies there, promote it, and return which version serves."""
    installation = installation_at(root)
    run(
        approve, installation, CASE, "--model", f"sha256:{model_here(root)}", "--to", ALIAS,
        "--reason", "as good", "--expires", "2099-12-31", "--key", key,
    )  # fmt: skip
    step = promote(CASE, ALIAS, installation)
    assert step.period.approved_by == "ann"
    return find_aliased(CASE, ALIAS, installation)


def move_by_hand(stack: Stack, version: str) -> int:
    """Have the Gatekeeper's own token move the alias; return the answer's status."""
    assert stack.identity is not None
    return httpx.post(
        f"{stack.origin}{API}/registered-models/alias",
        headers={"authorization": f"Bearer {service_token(stack.identity, 'svc-release')}"},
        json={"name": CASE, "alias": ALIAS, "version": version},
        timeout=60,
    ).status_code
