"""The registry past the worker, and results that are concluded from what is missing.

On one's own machine, against a real MLflow: whoever may write to the registry's database can write
anything there. What counts is that no release builds upon it.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.attestation.dsse import sign
from tasks.attestation.keyring import revoke_key
from tasks.attestation.roles import GATE, ROOT
from tasks.attestation.signing_keys import LocalSigner
from tasks.config.cases import load_case
from tasks.errors import EvidenceError, PortcullisError, RefusalKind, RefusedError
from tasks.notary.notary import open_notary
from tasks.path import SUBJECTS
from tasks.registry import Publication, publish
from tasks.registry.client import (
    CASE_TAG,
    DECISION_TAG,
    MODEL_TAG,
    ORIGIN_TAG,
    find_published,
    registry_uri,
)
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.register.params import RegisterParams
from tasks.system.installation import Installation
from tasks.worker.confirming import confirm_registration
from tests.attacks.attempts import Kind, Mode, attempt
from tests.attacks.enforced import SCIENTIST, Enforced
from tests.attacks.judging import commit, kinds, put_in_force
from tests.cases import change_case, sync_cases, write_case
from tests.flows import workspace as small
from tests.installations import installation_at, installation_with_home
from tests.publications import publication
from tests.tasks.judged import CASE, check, put_verdict, sign_for

pytestmark = [
    pytest.mark.integration,
    # MLflow 3.17 leaves SQLite connections to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BY_BYTES = "the bytes that an alias would name are read back and digested"


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publication:
    """A model that was let in, and not published yet."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    return publication(tmp_path, log_origin="log.bank")


def client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient(registry_uri(installation_at(Path())))


def versions() -> Any:
    return client().search_model_versions("name = 'loan'")


def aliases() -> dict[str, str]:
    """Return alias -> version; a search for versions leaves aliases out."""
    model = client().get_registered_model("loan")
    return {alias: str(version) for alias, version in model.aliases.items()}


def evil(folder: Path) -> str:
    """Return where a packed model lies that answers as somebody likes."""
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {python_function: {loader_module: evil}}")
    return folder.as_uri()


@attempt(
    Kind.REGISTRY,
    Mode.LOCAL,
    "a version made beforehand with the right tag and other artefacts",
    stopped_by=BY_BYTES,
)
def test_a_version_made_beforehand(release: Publication, tmp_path: Path) -> None:
    client().create_registered_model("loan")
    tags = {MODEL_TAG: release.model_sha256}
    client().create_model_version("loan", source=evil(tmp_path / "evil"), tags=tags)
    with pytest.raises(EvidenceError, match="as the registry stored it"):
        publish(release, installation_at(Path()))
    assert aliases() == {}


def look_at_the_end(release: Publication, installation: Installation) -> str:
    return find_published(
        "loan", "candidate", release.model_folder, release.model_sha256, installation
    )


def lead_elsewhere(release: Publication, folder: Path, honest_source: str) -> None:
    """Make a version whose source holds the judged bytes, and that is loaded from elsewhere.

    MLflow notes where a `models:/…` source leads when the version is made; afterwards the name is
    given to other bytes.
    """
    client().create_registered_model("other")
    client().create_model_version("other", source=evil(folder / "evil"))
    tags = {MODEL_TAG: release.model_sha256}
    client().create_model_version("loan", source="models:/other/1", tags=tags)
    client().delete_registered_model("other")
    client().create_registered_model("other")
    client().create_model_version("other", source=honest_source)


@attempt(
    Kind.REGISTRY,
    Mode.LOCAL,
    "a version whose source has the judged bytes, and which MLflow loads from elsewhere",
    stopped_by="a version is loaded from its source, or counts for nothing",
    cases=("when it is published", "at the end of a release"),
)
@pytest.mark.parametrize("look", [publish, look_at_the_end])
def test_a_version_that_is_loaded_from_elsewhere(
    release: Publication,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[[Publication, Installation], object],
) -> None:
    # Named, so that MLflow's own globals lead to it, as they do to a bank's registry.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/registry.db")
    here = installation_at(Path())
    publish(release, here)
    lead_elsewhere(release, tmp_path, versions()[0].source)
    client().set_registered_model_alias("loan", "candidate", "2")
    with pytest.raises(EvidenceError, match="loaded from elsewhere"):
        look(release, here)


@attempt(
    Kind.REGISTRY,
    Mode.LOCAL,
    "a finished run made beforehand with the right tags and another model",
    stopped_by=BY_BYTES,
)
def test_a_run_made_beforehand(release: Publication, tmp_path: Path) -> None:
    client().create_registered_model("loan")
    experiment = client().create_experiment("loan", artifact_location=(tmp_path / "a").as_uri())
    tags = {MODEL_TAG: release.model_sha256, DECISION_TAG: release.decision_sha256}
    run = client().create_run(experiment, tags=tags)
    evil(tmp_path / "evil")
    client().log_artifacts(run.info.run_id, str(tmp_path / "evil"), "model")
    client().set_terminated(run.info.run_id)
    with pytest.raises(EvidenceError, match="as the registry stored it"):
        publish(release, installation_at(Path()))
    assert versions() == []


@attempt(
    Kind.REGISTRY,
    Mode.LOCAL,
    "a model published under a name that is owned already",
    stopped_by="one use case of one log owns a registered model's name",
    cases=("by another use case", "by a log of one's own, with keys of one's own"),
)
@pytest.mark.parametrize("other", [{"use_case": "claims"}, {"log_origin": "log.of-ann"}])
def test_a_name_of_somebody_else(release: Publication, other: dict[str, str]) -> None:
    publish(release, installation_at(Path()))
    with pytest.raises(EvidenceError, match="the name of use case"):
        publish(release.model_copy(update=other), installation_at(Path()))
    (version,) = versions()
    assert (version.tags[CASE_TAG], version.tags[ORIGIN_TAG]) == ("loan", "log.bank")


@attempt(
    Kind.REGISTRY,
    Mode.LOCAL,
    "a home of one's own, with MLFLOW_TRACKING_URI leading to the bank's registry",
    stopped_by="the name belongs to the bank's log",
)
def test_a_home_of_one_s_own(
    release: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(release, installation_at(Path()))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/home/mlflow.db")
    own = installation_with_home(tmp_path / "ann")
    with pytest.raises(EvidenceError, match="the name of use case"):
        publish(release.model_copy(update={"log_origin": "log.of-ann"}), own)
    assert aliases() == {"candidate": "1"}


def move_alias(release: Publication, folder: Path) -> None:
    other = client().create_model_version("loan", source=evil(folder / "evil"))
    client().set_registered_model_alias("loan", "candidate", other.version)


def drop_alias(release: Publication, folder: Path) -> None:
    client().delete_registered_model_alias("loan", "candidate")


def drop_version(release: Publication, folder: Path) -> None:
    client().delete_model_version("loan", "1")


def alter_bytes(release: Publication, folder: Path) -> None:
    (path,) = Path(versions()[0].source.removeprefix("file://")).glob("data/model/scorer.json")
    path.write_text(path.read_text().replace("0.5", "0.1"))


def add_code(release: Publication, folder: Path) -> None:
    place = Path(versions()[0].source.removeprefix("file://"))
    (place / "code" / "sitecustomize.py").write_text("print('evil')")


AFTERWARDS: dict[str, Callable[[Publication, Path], None]] = {
    "the alias moved to another version": move_alias,
    "the alias taken away": drop_alias,
    "the version taken away": drop_version,
    "another cut-off written into the stored model": alter_bytes,
    "a module added to the stored model": add_code,
}


@attempt(
    Kind.CONCLUSION,
    Mode.LOCAL,
    "the registry changed by hand after the registration",
    stopped_by="a release ends with a look at the registry, by bytes: it is not registered",
    cases=tuple(AFTERWARDS),
)
@pytest.mark.parametrize("case", AFTERWARDS)
def test_a_registry_that_was_changed_afterwards(
    release: Publication, tmp_path: Path, case: str
) -> None:
    here = installation_at(Path())
    publish(release, here)
    AFTERWARDS[case](release, tmp_path)
    with pytest.raises(EvidenceError, match="registry"):
        find_published("loan", "candidate", release.model_folder, release.model_sha256, here)


@attempt(
    Kind.REGISTRY,
    Mode.LOCAL,
    "an experiment made beforehand that keeps its artefacts in a folder of one's own",
    stopped_by="nothing at once: the bytes are compared when they are stored, and again at the end "
    "of each release; in enforced mode nobody else may make an experiment",
    is_stopped=False,
)
def test_an_experiment_made_beforehand(release: Publication, tmp_path: Path) -> None:
    here = installation_at(Path())
    client().create_experiment("loan", artifact_location=(tmp_path / "of-ann").as_uri())
    publish(release, here)
    alter_bytes(release, tmp_path)
    with pytest.raises(EvidenceError, match="as the registry stored it"):
        find_published("loan", "candidate", release.model_folder, release.model_sha256, here)


@attempt(
    Kind.REGISTRY,
    Mode.LOCAL,
    "a name in the section `register` that leads elsewhere",
    stopped_by="names of the registry have one form",
    cases=("a folder above", "a quote in a query", "an address", "a space first", "none"),
)
@pytest.mark.parametrize("name", ["../../signing", "x' or name like '%", "models:/loan", " x", ""])
@pytest.mark.parametrize("field", ["model", "experiment", "alias"])
def test_a_name_that_leads_elsewhere(field: str, name: str) -> None:
    values = {"model": "loan", "experiment": "loan", "alias": "candidate"}
    with pytest.raises(ValidationError, match=field):
        RegisterParams.model_validate({**values, field: name})


@attempt(
    Kind.REGISTRY,
    Mode.ENFORCED,
    "the registry opened by the data scientist's own account",
    stopped_by="the registry lies in a folder of the worker's account alone",
    cases=("its database", "its artefacts", "the lock of a registration"),
)
@pytest.mark.parametrize("name", ["mlflow.db", "mlartifacts", "registry.lock"])
def test_the_registry_of_the_worker(released: Enforced, name: str) -> None:
    before = released.registered()
    done = released.run_as(SCIENTIST, "ls", "-d", str(released.state / "home" / name))
    assert done.returncode
    assert "Permission denied" in done.stderr
    assert released.registered() == before


# What is concluded


@attempt(
    Kind.CONCLUSION,
    Mode.LOCAL,
    "a forged receipt of a registration that never took place",
    stopped_by="a receipt is believed by nobody: ledger and registry are asked",
    cases=("a receipt alone", "a receipt and what `dvc commit -f` wrote"),
)
@pytest.mark.parametrize("is_committed", [False, True])
def test_a_forged_receipt(judged_case: Path, is_committed: bool) -> None:
    receipt = judged_case / "data" / CASE / "register" / "receipt.json"
    receipt.parent.mkdir(exist_ok=True)
    receipt.write_text(json.dumps({"name": CASE, "alias": "candidate"}))
    if is_committed:
        lock = {"outs": [{"path": str(receipt.relative_to(judged_case)), "md5": "0" * 32}]}
        (judged_case / "dvc.lock").write_text(json.dumps({"stages": {f"register@{CASE}": lock}}))
    assert RefusalKind.REGISTRATION_UNCONFIRMED in confirmed_kinds(judged_case)


def confirmed_kinds(workspace: Path) -> list[str]:
    """Return why a release does not end as registered."""
    with pytest.raises(RefusedError) as refused:
        confirm_registration(CASE, installation_at(workspace))
    return [refusal.kind for refusal in refused.value.refusals]


@attempt(
    Kind.CONCLUSION,
    Mode.LOCAL,
    "a release after the gate's key was revoked, with nothing to run again",
    stopped_by="what the key signed counts for nothing, and the last look asks",
)
def test_a_release_after_the_gate_s_key_was_revoked(judged_case: Path) -> None:
    here = installation_at(judged_case)
    assert kinds(judged_case) == []
    gate = LocalSigner.load(here.home / "signing" / f"{GATE}.pem")
    with open_notary(here) as notary:
        revocation = revoke_key(gate.public.keyid, 0, "stolen")
        notary.append_signed([sign(revocation.to_bytes(), notary.signer(ROOT))])
    assert RefusalKind.VERDICT_UNSIGNED in kinds(judged_case)
    assert RefusalKind.REGISTRATION_UNCONFIRMED in confirmed_kinds(judged_case)


@attempt(
    Kind.CONCLUSION,
    Mode.LOCAL,
    "a verdict FAILED after the one that passed, and nothing but `register` run",
    stopped_by="the latest verdict of a gate counts",
)
def test_a_later_failure(judged_case: Path) -> None:
    put_in_force(judged_case)
    failed = check(FairnessCheck.DISPARATE_IMPACT_RATIO, 0.4)
    put_verdict(judged_case, "fairness", checks=(failed,))
    sign_for(judged_case, "fairness")
    assert RefusalKind.CHECK_FAILED in kinds(judged_case)
    assert RefusalKind.REGISTRATION_UNCONFIRMED in confirmed_kinds(judged_case)


@pytest.fixture
def with_champion(tmp_path: Path) -> Path:
    """A checkout whose use case has a champion to be compared with."""
    small.write_case_files(tmp_path)
    folder = tmp_path / "configs" / small.CASE
    (folder / "champion.json").write_text(json.dumps({"auc": 0.99, "auc_interval": [0.98, 1.0]}))
    values = small.case()
    values["train"]["champion"] = "champion.json"
    write_case(tmp_path, small.CASE, values)
    return tmp_path


def delete(folder: Path) -> None:
    (folder / "champion.json").unlink()


def lower(folder: Path) -> None:
    path = folder / "champion.json"
    path.write_text(path.read_text().replace("0.99", "0.51"))


def undeclare(folder: Path) -> None:
    path = folder / "case.yaml"
    path.write_text(path.read_text().replace("champion: champion.json", "champion: none yet"))


@attempt(
    Kind.CONCLUSION,
    Mode.LOCAL,
    "the champion that a model is compared with",
    stopped_by="a champion is declared, by its digest: one that is gone, or another, refuses",
    cases=("deleted", "made weaker", "no longer declared, though its file is there"),
)
@pytest.mark.parametrize("change", [delete, lower, undeclare])
def test_a_champion_that_is_in_the_way(with_champion: Path, change: Callable[[Path], None]) -> None:
    load_case(small.CASE, with_champion)
    change(with_champion / "configs" / small.CASE)
    with pytest.raises(PortcullisError):
        load_case(small.CASE, with_champion)


@attempt(
    Kind.CONCLUSION,
    Mode.LOCAL,
    "a champion declared after the model was trained",
    stopped_by="the section `train` is in every verdict's configuration (configuration.changed)",
)
def test_a_champion_that_was_added(judged_case: Path) -> None:
    change_case(judged_case, CASE, lambda values: values.update(train={"champion": "none yet"}))
    sync_cases(judged_case)
    for stage in ("train", "explain", "fairness", "subgroups", "alternatives", "packages"):
        if stage != "train":
            put_verdict(judged_case, stage)
        sign_for(judged_case, stage)
    champion = judged_case / "configs" / CASE / "champion.json"
    champion.write_text(json.dumps({"auc": 0.99, "auc_interval": [0.98, 1.0]}))
    declared = {"champion": champion.name}
    change_case(judged_case, CASE, lambda values: values.update(train=declared))
    assert RefusalKind.CONFIGURATION_CHANGED in kinds(judged_case)


@attempt(
    Kind.CLEAN,
    Mode.LOCAL,
    "a gate run from tampered code, which is then restored and said to be clean",
    stopped_by="each verdict is of the code that ran, and is compared with the code that is here",
)
def test_a_gate_run_from_tampered_code(judged_case: Path) -> None:
    shutil.rmtree(judged_case / "tasks", ignore_errors=True)
    code = judged_case / "tasks" / "stages" / "fairness" / "judging.py"
    code.parent.mkdir(parents=True)
    code.write_text("LIMIT = 0.8\n")
    commit(judged_case)
    for stage in (*SUBJECTS, "decide"):
        sign_for(judged_case, stage)

    code.write_text("LIMIT = 0.0\n")
    put_verdict(judged_case, "fairness")
    sign_for(judged_case, "fairness")
    code.write_text("LIMIT = 0.8\n")
    assert {RefusalKind.CODE_OUTDATED, RefusalKind.TREE_DIRTY} & set(kinds(judged_case))
