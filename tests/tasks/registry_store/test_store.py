"""A real MLflow whose registry asks for evidence: what each call is let do, and what not."""

from collections.abc import Callable
from typing import Any

import pytest

from flows.cli.proof import approve
from tasks.errors import PortcullisError
from tasks.promotion.moving import promote
from tasks.registry.aliases import find_aliased, move_alias
from tasks.registry.client import MODEL_TAG
from tests.cases import change_case
from tests.flows.cli.running import run
from tests.installations import installation_at
from tests.tasks.judged import CASE
from tests.tasks.promotion.conftest import RULE
from tests.tasks.registering import enrol, model_here
from tests.tasks.registry_store.conftest import Released

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*transition_model_version_stage:FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CLIENT_CALLS: dict[str, Callable[[Any, Any], object]] = {
    "rename": lambda client, _: client.rename_registered_model(CASE, "other"),
    "delete the model": lambda client, _: client.delete_registered_model(CASE),
    "delete the version": lambda client, made: client.delete_model_version(CASE, made.version),
    "another name": lambda client, _: client.create_registered_model("other"),
    "a prompt": lambda client, _: client.create_registered_model(
        "prompt", tags={"mlflow.prompt.is_prompt": "true"}
    ),
    "make a prompt of it": lambda client, _: client.set_registered_model_tag(
        CASE, "mlflow.prompt.is_prompt", "true"
    ),
    "take the owner over": lambda client, _: client.set_registered_model_tag(
        CASE, "portcullis.use_case", "other"
    ),
    "take the owner away": lambda client, _: client.delete_registered_model_tag(
        CASE, "portcullis.use_case"
    ),
    "a stage": lambda client, made: client.transition_model_version_stage(
        CASE, made.version, "Production"
    ),
    "forge a tag": lambda client, made: client.set_model_version_tag(
        CASE, made.version, MODEL_TAG, "0" * 64
    ),
    "forge one in other letters": lambda client, made: client.set_model_version_tag(
        CASE, made.version, MODEL_TAG.upper(), "0" * 64
    ),
    "a tag of ours that nobody knows": lambda client, made: client.set_model_version_tag(
        CASE, made.version, "portcullis.approved", "yes"
    ),
    "a gate that passed": lambda client, made: client.set_model_version_tag(
        CASE, made.version, "portcullis.gate.redact", "undecided"
    ),
    "take a tag away": lambda client, made: client.delete_model_version_tag(
        CASE, made.version, MODEL_TAG
    ),
    "take the alias away": lambda client, _: client.delete_registered_model_alias(
        CASE, "candidate"
    ),
    "an alias that serves": lambda client, made: client.set_registered_model_alias(
        CASE, "champion", made.version
    ),
    "the same in other letters": lambda client, made: client.set_registered_model_alias(
        CASE, "Champion", made.version
    ),
    "a copy": lambda client, _: client.copy_model_version(f"models:/{CASE}/1", "other"),
    "a copy under its own name": lambda client, _: client.copy_model_version(
        f"models:/{CASE}/1", CASE
    ),
    "the same model again": lambda client, made: client.create_model_version(
        CASE, made.source, made.run_id, tags=made.tags
    ),
    "without tags": lambda client, made: client.create_model_version(
        CASE, made.source, made.run_id
    ),
    "without a run": lambda client, made: client.create_model_version(
        CASE, made.source, tags=made.tags
    ),
    "of the run's root": lambda client, made: client.create_model_version(
        CASE, made.source.removesuffix("/model"), made.run_id, tags=made.tags
    ),
    "runs:/": lambda client, made: client.create_model_version(
        CASE, f"runs:/{made.run_id}/model", made.run_id, tags=made.tags
    ),
    "a slash more": lambda client, made: client.create_model_version(
        CASE, f"{made.source}/", made.run_id, tags=made.tags
    ),
    "with dots": lambda client, made: client.create_model_version(
        CASE, f"{made.source}/../model", made.run_id, tags=made.tags
    ),
    "an encoded letter": lambda client, made: client.create_model_version(
        CASE, made.source.replace("model", "%6dodel"), made.run_id, tags=made.tags
    ),
    "a query": lambda client, made: client.create_model_version(
        CASE, f"{made.source}?x=1", made.run_id, tags=made.tags
    ),
    "another tag of the decision": lambda client, made: client.create_model_version(
        CASE, made.source, made.run_id, tags={**made.tags, "portcullis.use_case": "other"}
    ),
}


def state_of(client: Any) -> object:
    """Return all that a call could change."""
    models = [(item.name, item.tags, item.aliases) for item in client.search_registered_models()]
    versions = [
        (item.name, item.version, item.source, item.run_id, item.tags, item.current_stage)
        for item in client.search_model_versions()
    ]
    return models, versions


@pytest.mark.parametrize("call", CLIENT_CALLS.values(), ids=CLIENT_CALLS)
def test_nobody_changes_the_registry_by_a_call(
    released: Released, call: Callable[[Any, Any], object]
) -> None:
    from mlflow.exceptions import MlflowException

    client = released.client()
    made = client.get_model_version(CASE, "1")
    before = state_of(client)
    with pytest.raises(MlflowException):
        call(client, made)
    assert state_of(client) == before


def test_what_says_nothing_to_a_program_may_be_written(released: Released) -> None:
    client = released.client()
    client.set_model_version_tag(CASE, "1", "team", "credit")
    client.delete_model_version_tag(CASE, "1", "team")
    client.set_registered_model_tag(CASE, "team", "credit")
    client.delete_registered_model_tag(CASE, "team")
    client.update_model_version(CASE, "1", "What it decides")
    client.update_registered_model(CASE, "What it is for")


def test_a_release_again_finds_its_version(released: Released) -> None:
    code, lines = released.release()
    assert code == 0
    assert any(f"{CASE} version 1 was registered already" in line for line in lines)


def test_an_alias_that_serves_is_moved_by_a_promotion_alone(released: Released) -> None:
    """The last one here: afterwards the alias is the version's, and stays it."""
    root = released.workspace
    change_case(root, CASE, lambda values: values.update(promote=RULE))
    released.patch.setenv("MLFLOW_TRACKING_URI", released.origin)
    installation = installation_at(root)
    with pytest.raises(PortcullisError):
        move_alias(CASE, "champion", "1", installation)

    key = enrol(root, "ann")
    model = f"sha256:{model_here(root)}"
    run(
        approve, installation, CASE, "--model", model, "--to", "champion",
        "--reason", "as good", "--expires", "2099-12-31", "--key", key,
    )  # fmt: skip
    assert promote(CASE, "champion", installation).period.approved_by == "ann"
    assert find_aliased(CASE, "champion", installation) == "1"
