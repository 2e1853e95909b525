"""Publish one cleared model to MLflow: whole, once, and safely repeatable after a crash at any point."""

import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks.errors import EvidenceError, ServiceError
from tasks.registry.moving import ARTIFACTS, follow_move
from tasks.system.digests import sha256_of
from tasks.system.installation import Installation

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODEL_TAG, DECISION_TAG = "portcullis.model_sha256", "portcullis.decision_sha256"
TRAINED_ON_TAG = "portcullis.trained_on"  # which sealed dataset, by its authentication code


class Release(BaseModel):
    """One model and everything that is published with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    experiment: str
    alias: str
    model_folder: Path
    model_sha256: str
    decision_sha256: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    documents: dict[str, Path]  # artifact folder -> file or folder


class Receipt(BaseModel):
    """What was registered. Says nothing that differs between two registries: no run id, no version number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    alias: str
    model_sha256: str
    decision_sha256: str


class Published(BaseModel):
    """Where a person finds it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    receipt: Receipt
    version: str
    run_id: str
    registry: str
    is_new: bool


def registry_uri(installation: Installation) -> str:
    """Return `$MLFLOW_TRACKING_URI`, else an SQLite database of this installation."""
    given = installation.settings.tracking_uri
    if given.startswith("postgresql"):
        from tasks.system.database import with_driver

        return with_driver(given).render_as_string(hide_password=False)
    return given or f"sqlite:///{installation.home / 'mlflow.db'}"


def publish(release: Release, installation: Installation) -> Published:
    """Register `release`, or finish what an interrupted call began; the same model never gets a second version.

    The version is made after its run is complete, and the alias is moved last: whoever follows the alias never
    sees half a model.

    Raises:
        ServiceError: The registry does not answer.
        EvidenceError: What the registry stored is not what was sent.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri = registry_uri(installation)
    try:
        with _one_at_a_time(installation):
            if not installation.settings.tracking_uri:
                follow_move(installation.home)
            client = MlflowClient(tracking_uri=uri)
            run_id = _finished_run(client, release, installation)
            version, is_new = _version(client, release, run_id)
            client.set_registered_model_alias(release.name, release.alias, version)
    except MlflowException as error:
        raise ServiceError(
            f"model registry {_without_password(uri)}", expected="an answer", found=_first_line(error),
            remedy="Nothing is half-registered: start the registry and run the same command again.",
        ) from error  # fmt: skip
    receipt = Receipt(
        name=release.name,
        alias=release.alias,
        model_sha256=release.model_sha256,
        decision_sha256=release.decision_sha256,
    )
    return Published(
        receipt=receipt,
        version=version,
        run_id=run_id,
        registry=_without_password(uri),
        is_new=is_new,
    )


def _finished_run(client: "MlflowClient", release: Release, installation: Installation) -> str:
    experiment = client.get_experiment_by_name(release.experiment)
    if experiment is None:
        local = not installation.settings.tracking_uri
        location = (installation.home / ARTIFACTS / release.experiment).as_uri() if local else None
        experiment_id = client.create_experiment(release.experiment, artifact_location=location)
    else:
        experiment_id = experiment.experiment_id
    wanted = f"tags.`{MODEL_TAG}` = '{release.model_sha256}' and tags.`{DECISION_TAG}` = '{release.decision_sha256}'"
    runs = client.search_runs([experiment_id], filter_string=wanted)
    if any(run.info.status == "FINISHED" for run in runs):
        return str(next(run.info.run_id for run in runs if run.info.status == "FINISHED"))
    tags = {**release.tags, MODEL_TAG: release.model_sha256, DECISION_TAG: release.decision_sha256}
    run = (
        runs[0]
        if runs
        else client.create_run(experiment_id, run_name=release.model_sha256[:12], tags=tags)
    )
    _log(client, run.info.run_id, release)
    client.set_terminated(run.info.run_id, status="FINISHED")
    return str(run.info.run_id)


def _log(client: "MlflowClient", run_id: str, release: Release) -> None:
    from mlflow.artifacts import download_artifacts

    from tasks.registry.packing import pack

    for name, value in release.params.items():
        client.log_param(run_id, name, value)
    for name, number in release.metrics.items():
        client.log_metric(run_id, _metric_name(name), number)
    for folder, path in release.documents.items():
        if path.is_dir():
            client.log_artifacts(run_id, str(path), folder)
        else:
            client.log_artifact(run_id, str(path), folder)
    with TemporaryDirectory() as scratch:
        packed = pack(release.model_folder, Path(scratch) / "model")
        client.log_artifacts(run_id, str(packed), "model")
        back = Path(scratch) / "stored"
        back.mkdir()
        stored = download_artifacts(
            run_id=run_id,
            artifact_path=f"model/data/{release.model_folder.name}",
            dst_path=str(back),
            tracking_uri=client.tracking_uri,
        )
        found = sha256_of(Path(stored))
    if found != release.model_sha256:
        raise EvidenceError(
            "the model as the registry stored it",
            expected=release.model_sha256,
            found=found,
            remedy="Do not use it; look for who or what writes into the artifact store.",
        )


def _version(client: "MlflowClient", release: Release, run_id: str) -> tuple[str, bool]:
    if not client.search_registered_models(f"name = '{release.name}'"):
        client.create_registered_model(release.name)
    same = client.search_model_versions(
        f"name = '{release.name}' and tags.`{MODEL_TAG}` = '{release.model_sha256}'"
    )
    if same:
        newest = str(max(int(version.version) for version in same))
        if code := release.tags.get(
            TRAINED_ON_TAG
        ):  # the same model came out of other rows: it learnt no more than these
            client.set_model_version_tag(release.name, newest, TRAINED_ON_TAG, code)
        return newest, False
    source = f"{client.get_run(run_id).info.artifact_uri}/model"
    tags = {**release.tags, MODEL_TAG: release.model_sha256, DECISION_TAG: release.decision_sha256}
    made: Any = client.create_model_version(release.name, source=source, run_id=run_id, tags=tags)
    return str(made.version), True


@contextmanager
def _one_at_a_time(installation: Installation) -> Iterator[None]:
    """Hold a lock of this installation: two releases at once must not both find that there is no version yet."""
    with (installation.home / "registry.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _metric_name(name: str) -> str:
    return re.sub(r"[^\w\-. /]", "_", name)[:250]


def _without_password(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//", uri)


def _first_line(error: Exception) -> str:
    return (
        _without_password(str(error).splitlines()[0])[:200] if str(error) else type(error).__name__
    )
