"""Publish one cleared model to MLflow.

Whole, once, and safely repeatable after a crash at any point.
"""

import fcntl
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks.errors import EvidenceError, ServiceError
from tasks.formats.shown import kind_of_error, words_of_server
from tasks.registry.artifacts import (
    MODEL,
    SOURCE_TAG,
    ArtifactStore,
    open_artifacts,
    source_of,
)
from tasks.registry.moving import follow_move
from tasks.registry.own_file import DATABASE, find_own_version
from tasks.registry.signing_in import AUTH_NAME, sign_in
from tasks.registry_database import Admission, admit, claim_name
from tasks.system.installation import Installation
from tasks.system.machine_faults import explain_machine

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

MOST_DIGEST_CHARACTERS = 36  # of a dataset, in MLflow's database
MODEL_TAG = "portcullis.model_sha256"
DECISION_TAG = "portcullis.decision_sha256"
CODE_TAG = "portcullis.code_sha256"  # of the package that the model brings along
REASONS_TAG = "portcullis.reason_map"
PLAN_TAG = "portcullis.plan_sha256"  # by which it was judged, sealed before it was trained
ATTEMPTS_TAG = "portcullis.attempts"  # how many there were on the same data, and with what outcome
# Where a run holds the log's archive about its model, as of the decision that let it in.
EVIDENCE = "evidence"
CLEARANCE_FILE = "clearance-{entry}.zip"
PROMOTION_FILE = "promotion-{entry}.zip"
TRAINED_ON_TAG = "portcullis.trained_on"  # which sealed dataset, by its authentication code
# On the registered model: who owns its name. On a version: which decision let it in.
CASE_TAG = "portcullis.use_case"
ORIGIN_TAG = "portcullis.log_origin"
ENTRY_TAG = "portcullis.log_entry"


TRAINING = "evidence/training"  # the artifact folder of a run that holds the report of training


class TrainingData(BaseModel):
    """What a model has learnt from, as the registry shows it: never a row, nor where one lies.

    `rows` is None where that is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str
    rows: int | None
    columns: tuple[str, ...]


class Publication(BaseModel):
    """One model and everything that is published with it.

    `log_origin` and `log_entry` say where the decision stands that let it in, and `clearance` is
    the log's archive about the model, which the registry's server verifies; None where there is
    none to be verified.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    experiment: str
    alias: str
    use_case: str
    log_origin: str
    log_entry: int
    model_folder: Path
    model_sha256: str
    decision_sha256: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    documents: dict[str, Path]  # artifact folder -> file or folder
    clearance: bytes | None = None
    description: str = ""  # of the version, as Markdown
    trained_on: TrainingData | None = None

    def all_tags(self) -> dict[str, str]:
        """Return the tags of its run and version."""
        return {
            **self.tags,
            MODEL_TAG: self.model_sha256,
            DECISION_TAG: self.decision_sha256,
            CASE_TAG: self.use_case,
            ORIGIN_TAG: self.log_origin,
            ENTRY_TAG: str(self.log_entry),
        }


class Receipt(BaseModel):
    """What was registered. Says nothing that differs between two registries.

    No run id, no version number.
    """

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

    def line(self) -> str:
        """Return what a person reads about it."""
        event = "registered" if self.is_new else "was registered already"
        name = self.receipt.name
        return f"{name} version {self.version} {event} in {self.registry} as `{self.receipt.alias}`"


def registry_uri(installation: Installation) -> str:
    """Return `$MLFLOW_TRACKING_URI`, else an SQLite database of this installation."""
    given = installation.settings.tracking_uri
    if given.startswith("postgresql"):
        from tasks.system.database import with_driver

        # With its password, for MLflow: what people see goes through `without_password`.
        return with_driver(given).render_as_string(hide_password=False)
    return given or f"sqlite:///{installation.home / DATABASE}"


def publish(release: Publication, installation: Installation) -> Published:
    """Register `release`, or finish what an interrupted call began.

    The same model never gets a second version. The version is made after its run is complete, and
    the alias is moved last: whoever follows the alias never sees half a model. Nor another one:
    before the alias is moved, the bytes that it will name were read back and compared, also those
    of a version that was there already, for anybody may have made one with the right tags.

    One use case of one log owns a registered model's name, and nobody else's model gets a version
    under it.

    Raises:
        ServiceError: The registry does not answer.
        EvidenceError: What the registry stored is not what was judged, or the name is another's.
    """
    evidence_url = installation.settings.registry_evidence_url
    if evidence_url:
        claim_name(
            evidence_url,
            name=release.name,
            use_case=release.use_case,
            log_origin=release.log_origin,
        )

    with open_registry(installation) as client:
        # In this order: whose name it is; a run whose bytes were read back; a version of that run;
        # the alias. Killed between two of them, nobody who follows the alias sees what is not
        # whole.
        require_ownership(client, release.name, release.use_case, release.log_origin)
        artifacts = open_artifacts(client, installation)
        run_id, source = _finished_run(client, release, artifacts)
        version, is_new = _version(client, release, run_id, source, evidence_url, artifacts)
        client.set_registered_model_alias(release.name, release.alias, version)

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
        registry=without_password(registry_uri(installation)),
        is_new=is_new,
    )


def find_published(
    name: str, alias: str, model_folder: Path, model_sha256: str, installation: Installation
) -> str:
    """Return the version that an alias names, if it is this model, by the bytes that lie there.

    Raises:
        EvidenceError: There is no such version, or it is another model.
        ServiceError: The registry does not answer.
    """
    if version := _find_in_own_file(name, alias, model_folder, model_sha256, installation):
        return version

    from mlflow.exceptions import MlflowException

    with open_registry(installation) as client:
        try:
            version = client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            raise EvidenceError(
                f"model registry, `{name}@{alias}`",
                expected=f"the model {model_sha256[:12]}…",
                found=kind_of_error(error),
                remedy="Run the release again: `register` publishes what is cleared.",
            ) from error
        source = place_of(client, name, str(version.version), version.source)
        _require_bytes(open_artifacts(client, installation), source, model_folder, model_sha256)
        return str(version.version)


def _find_in_own_file(
    name: str, alias: str, model_folder: Path, model_sha256: str, installation: Installation
) -> str:
    """Return the version as `find_published` does; nothing where MLflow has to be asked."""
    from tasks.registry.stored import require_judged_bytes

    _settle_mlflow()
    with _one_at_a_time(installation):
        if not installation.settings.tracking_uri:
            follow_move(installation.home)
        # Under the lock: a release at the same time moves aliases.
        own = find_own_version(name, alias, installation)
        if own is None:
            return ""
        # A copy, as MLflow would make one: what is compared cannot change meanwhile.
        with TemporaryDirectory() as scratch:
            stored = shutil.copytree(own.folder, Path(scratch) / MODEL)
            require_judged_bytes(stored, model_folder, model_sha256)
    return own.version


@contextmanager
def open_registry(installation: Installation) -> "Iterator[MlflowClient]":
    """Yield a client, with the registry of this installation locked against other releases.

    Raises:
        ServiceError: A call within the block was not answered.
        EvidenceError: A call within the block was refused; the server's words say why.
    """
    _settle_mlflow()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri = registry_uri(installation)
    try:
        with _one_at_a_time(installation):
            if not installation.settings.tracking_uri:
                follow_move(installation.home)
            if sign_in(installation.settings):
                os.environ["MLFLOW_TRACKING_AUTH"] = AUTH_NAME
            yield MlflowClient(tracking_uri=uri)
    except MlflowException as error:
        if cause := explain_machine(error, installation):
            raise cause from error
        if error.error_code == "PERMISSION_DENIED":
            raise EvidenceError(
                f"model registry {without_password(uri)}",
                expected="that it lets the release in",
                found=f"a refusal: {words_of_server(error.message)}",
                remedy="Nothing is half-registered: the registry's audit log has the call.",
            ) from error
        raise ServiceError(
            f"model registry {without_password(uri)}",
            expected="an answer",
            found=kind_of_error(error),
            remedy="Nothing is half-registered: start the registry and run the same command again.",
        ) from error  # fmt: skip


def _settle_mlflow() -> None:
    """Settle how MLflow works in this process, before it calls a server or packs a model."""
    # MLflow's own are 7 retries and 120 seconds: a server that is away would be told of after many
    # minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ["MLFLOW_UV_AUTO_DETECT"] = "false"  # it packs a `uv.lock` of wherever one stands
    logging.getLogger("mlflow").setLevel(logging.ERROR)


def require_ownership(client: "MlflowClient", name: str, case: str, origin: str) -> None:
    """Refuse a registered model's name that another use case, or another log, owns.

    A name of a time before there were owners is taken over by the use case that all its versions
    are of.

    Raises:
        EvidenceError: It is another's.
    """
    # Searched, not fetched: a name that is not there is an empty list, and no error among others.
    models = client.search_registered_models(f"name = '{name}'")
    if not models:
        client.create_registered_model(name, tags={CASE_TAG: case, ORIGIN_TAG: origin})
        return

    tags = models[0].tags
    owner = {CASE_TAG: tags.get(CASE_TAG, ""), ORIGIN_TAG: tags.get(ORIGIN_TAG, "")}
    wanted = {CASE_TAG: case, ORIGIN_TAG: origin}
    # Asked for by the tag: of all versions a search returns no more than the first page.
    others = f"name = '{name}' and tags.`{CASE_TAG}` != '{case}'"
    foreign = [] if all(owner.values()) else client.search_model_versions(others, max_results=1)
    if foreign or any(owner[tag] not in ("", wanted[tag]) for tag in owner):
        raise EvidenceError(
            f"registered model `{name}`",
            expected=f"the name of use case `{case}` of the log {origin}",
            found=f"that of `{owner[CASE_TAG] or 'another use case'}` of the log "
            f"{owner[ORIGIN_TAG] or 'unknown'}",
            remedy="Give the use case a name of its own in `register.model`; an installation "
            "publishes under the names that are its own.",
        )
    for tag, value in wanted.items():
        if owner[tag] != value:
            client.set_registered_model_tag(name, tag, value)


def _finished_run(
    client: "MlflowClient", release: Publication, artifacts: ArtifactStore
) -> tuple[str, str]:
    """Return the release's run and where its packed model lies, whose bytes were read back."""
    experiment = client.get_experiment_by_name(release.experiment)
    if experiment is None:
        location = artifacts.location(release.experiment)
        experiment_id = client.create_experiment(release.experiment, artifact_location=location)
    else:
        experiment_id = experiment.experiment_id
    wanted = (
        f"tags.`{MODEL_TAG}` = '{release.model_sha256}' "
        f"and tags.`{DECISION_TAG}` = '{release.decision_sha256}'"
    )
    runs = client.search_runs([experiment_id], filter_string=wanted)
    finished = [
        # Of the same model by the same decision. A run that another setting has put elsewhere is
        # none of this store's.
        run
        for run in runs
        if run.info.status == "FINISHED" and artifacts.holds(source_of(run))
    ]
    begun = [run for run in runs if run.info.status == "RUNNING"]  # by an interrupted call
    if finished:
        run = finished[0]
    elif begun and artifacts.can_continue:
        run = begun[0]
    else:
        # Ended by name, or it would count as under way for ever.
        for abandoned in begun:
            client.set_terminated(abandoned.info.run_id, status="KILLED")
        name = release.model_sha256[:12]
        run = client.create_run(experiment_id, run_name=name, tags=release.all_tags())

    run_id = str(run.info.run_id)
    if not finished:
        _log(client, run, release, artifacts)
        run = client.get_run(run_id)
    _put_clearance(run, release, artifacts)
    source = source_of(run)
    _require_bytes(artifacts, source, release.model_folder, release.model_sha256)
    if not finished:
        # Last: a finished run is one whose bytes were read back.
        client.set_terminated(run_id, status="FINISHED")
    return run_id, source


def _log(
    client: "MlflowClient", run: "Run", release: Publication, artifacts: ArtifactStore
) -> None:
    from tasks.registry.packing import pack

    run_id = run.info.run_id
    for name, value in release.params.items():
        client.log_param(run_id, name, value)
    for name, number in release.metrics.items():
        client.log_metric(run_id, _metric_name(name), number)
    if release.trained_on is not None:
        client.log_inputs(run_id, datasets=[_dataset(release.trained_on)])
    # MLflow's page of a run shows this tag as its description.
    client.set_tag(run_id, "mlflow.note.content", release.description)
    for folder, path in release.documents.items():
        artifacts.write_document(run, folder, path)

    with TemporaryDirectory() as scratch:
        packed = pack(release.model_folder, Path(scratch) / MODEL)
        client.set_tag(run_id, SOURCE_TAG, artifacts.write_model(run, packed))


def _put_clearance(run: "Run", release: Publication, artifacts: ArtifactStore) -> None:
    """Put the log's archive beside the model, once for each decision: none takes another's place.

    Of a version that is there already, it belongs to the run that the version was made of.
    """
    if release.clearance is None:
        return

    name = CLEARANCE_FILE.format(entry=release.log_entry)
    if artifacts.has_document(run, EVIDENCE, name):
        return

    with TemporaryDirectory() as scratch:
        path = Path(scratch) / name
        path.write_bytes(release.clearance)
        artifacts.write_document(run, EVIDENCE, path)


def _dataset(data: TrainingData) -> Any:
    """Return a dataset as MLflow lists it among a run's inputs."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    sealed = {"sealed": True, "sha256": data.sha256, "columns": list(data.columns)}
    profile = {} if data.rows is None else {"num_rows": data.rows}
    dataset = Dataset(
        name=data.name,
        digest=data.sha256[:MOST_DIGEST_CHARACTERS],
        source_type="portcullis",
        source=json.dumps(sealed),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "training")])


def _require_bytes(
    artifacts: ArtifactStore, source: str, model_folder: Path, model_sha256: str
) -> None:
    """Read a packed model back and compare it with the one that was judged."""
    from tasks.registry.stored import require_judged_bytes

    with TemporaryDirectory() as scratch:
        stored = artifacts.fetch(source, Path(scratch))
        require_judged_bytes(stored, model_folder, model_sha256)


def place_of(client: "MlflowClient", name: str, version: str, source: str) -> str:
    """Return the one place that a version's bytes come from.

    A version has two: `source`, which people see, and where MLflow downloads it from. They differ
    where the source was the name of another version (`models:/…`), which may be another by now.

    Raises:
        EvidenceError: They differ, so that what is read back would not be what is loaded.
    """
    loaded_from = client.get_model_version_download_uri(name, version)
    if loaded_from == source:
        return source

    raise EvidenceError(
        f"model registry, `{name}` version {version}",
        expected="a version that is loaded from its source",
        found="one that is loaded from elsewhere",
        remedy="Delete the version and run the release again; look for who made it.",
    )


def _version(
    client: "MlflowClient",
    release: Publication,
    run_id: str,
    source: str,
    evidence_url: str,
    artifacts: ArtifactStore,
) -> tuple[str, bool]:
    """Return the model's version, and whether it is new; `source` was read back already.

    A version that lies elsewhere than releases are kept now is not taken for it.

    Where the registry's database asks for evidence, it gets it first: before a version is made, and
    before tags and alias of one that is there are changed.
    """
    same = client.search_model_versions(
        f"name = '{release.name}' and tags.`{MODEL_TAG}` = '{release.model_sha256}'"
    )
    same = [version for version in same if artifacts.holds(version.source)]
    if same:
        # As numbers: MLflow's versions are texts, and "10" comes before "9".
        newest = max(same, key=lambda version: int(version.version))
        present = place_of(client, release.name, str(newest.version), newest.source)
        # The bytes at `source` were read back already; those of another place were not.
        if present != source:
            _require_bytes(artifacts, present, release.model_folder, release.model_sha256)
            _put_clearance(client.get_run(newest.run_id), release, artifacts)
        if evidence_url:
            admit(evidence_url, _admission(release, newest.run_id, present, int(newest.version)))
        for tag in (ORIGIN_TAG, ENTRY_TAG):
            # The decision that last let it in: the one that the end of a release looks for.
            client.set_model_version_tag(
                release.name, str(newest.version), tag, release.all_tags()[tag]
            )
        # The same model came out of other rows: it learnt no more than these. Or it was trained
        # under another plan, and is another attempt with the same bytes.
        for tag in (TRAINED_ON_TAG, PLAN_TAG, ATTEMPTS_TAG):
            if value := release.tags.get(tag):
                client.set_model_version_tag(release.name, str(newest.version), tag, value)
        return str(newest.version), False

    if evidence_url:
        admit(evidence_url, _admission(release, run_id, source, None))
    made: Any = client.create_model_version(
        release.name,
        source=source,
        run_id=run_id,
        tags=release.all_tags(),
        description=release.description,
    )
    return str(made.version), True


def _admission(release: Publication, run_id: str, source: str, version: int | None) -> Admission:
    return Admission(
        name=release.name,
        use_case=release.use_case,
        log_origin=release.log_origin,
        log_entry=release.log_entry,
        run_id=run_id,
        source=source,
        model_sha256=release.model_sha256,
        decision_sha256=release.decision_sha256,
        alias=release.alias,
        tags=release.all_tags(),
        version=version,
    )


@contextmanager
def _one_at_a_time(installation: Installation) -> Iterator[None]:
    """Hold a lock of this installation.

    Two releases at once must not both find that there is no version yet.
    """
    with (installation.home / "registry.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _metric_name(name: str) -> str:
    return re.sub(r"[^\w\-. /]", "_", name)[:250]


def without_password(uri: str) -> str:
    """Return a registry's address as people may see it: no user, no password, no query.

    Whatever a password holds: `@` and `/` in one are not always escaped, and drivers take it from
    the query, too.
    """
    scheme, separator, place = re.split("[?#]", uri, maxsplit=1)[0].partition("://")
    # The path of a file on this machine may hold an `@`, and no password.
    is_file = scheme.partition("+")[0] in ("sqlite", "file")
    return uri if not separator or is_file else f"{scheme}://{place.rpartition('@')[2]}"
