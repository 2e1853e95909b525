"""What a version is made of, altered in every way: on a copy of the server's files, in one process.

Who attacks may write any run, any tag and any artifact; the trust in the server's configuration is
all that they do not have.
"""

import json
import pickle
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException

from tasks.errors import ServiceError
from tasks.registry.client import DECISION_TAG, ENTRY_TAG, MODEL_TAG
from tasks.registry_store import store as store_module
from tasks.registry_store import verifying
from tasks.registry_store.asking import ask_policy
from tasks.registry_store.configuring import StoreConfig, read_store_config
from tasks.registry_store.store import CheckedSessions, EvidenceStore
from tests.tasks.judged import CASE
from tests.tasks.registry_store.conftest import Released

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
REMOVED = ("registered_model_aliases", "model_version_tags", "model_versions")


@dataclass
class Registry:
    """A registry without a version yet, and the run of a release that waits for one."""

    store: EvidenceStore
    config: StoreConfig
    run_id: str
    source: str
    tags: dict[str, str]
    artifacts: Path
    database: Path

    @property
    def run_folder(self) -> Path:
        """Where the run's artifacts lie on the disk."""
        (folder,) = self.artifacts.glob(f"*/{self.run_id}/artifacts")
        return folder

    @property
    def archive(self) -> Path:
        """The archive that was published with the run."""
        return self.run_folder / "evidence" / f"clearance-{self.tags[ENTRY_TAG]}.zip"

    @property
    def data(self) -> Path:
        """The model itself."""
        return self.run_folder / "model" / "data" / "model"

    def create(self, **change: Any) -> Any:
        """Ask for a version, as the Gatekeeper would."""
        values = {"name": CASE, "source": self.source, "run_id": self.run_id, **change}
        tags = values.pop("tags", self.tags)
        return self.store.create_model_version(
            **values, tags=[ModelVersionTag(key, value) for key, value in tags.items()]
        )

    def trust(self, **change: Any) -> None:
        """Pin something else."""
        self.config = self.config.model_copy(update=change)
        self.store._config = self.config

    def trust_log(self, **change: Any) -> None:
        """Pin something else about the log."""
        self.trust(logs=(self.config.logs[0].model_copy(update=change),))

    def versions(self) -> int:
        """Return how many versions there are, by the database."""
        with closing(sqlite3.connect(self.database)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM model_versions").fetchone()
        return int(count)


@pytest.fixture
def registry(
    released: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Registry]:
    from mlflow.server import handlers
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    made = released.client().get_model_version(CASE, "1")
    database = tmp_path / "mlflow.db"
    shutil.copy2(released.folder / "mlflow.db", database)
    artifacts = tmp_path / "artifacts"
    shutil.copytree(released.folder / "artifacts", artifacts)
    with closing(sqlite3.connect(database)) as connection, connection:
        for table in REMOVED:
            connection.execute(f"DELETE FROM {table}")

    repository = LocalArtifactRepository(artifacts.as_uri())
    monkeypatch.setattr(handlers, "_get_artifact_repo_mlflow_artifacts", lambda: repository)
    tracking = SqlAlchemyStore(f"sqlite:///{database}", "mlflow-artifacts:/")
    config = read_store_config(released.folder / "store.yaml")
    store = EvidenceStore(CheckedSessions(f"sqlite:///{database}"), config, lambda: tracking)
    yield Registry(store, config, made.run_id, made.source, dict(made.tags), artifacts, database)
    tracking._dispose_engine()
    store._inner._dispose_engine()


def test_untouched_it_is_registered(registry: Registry) -> None:
    """Else the attempts below would fail for another reason than they should."""
    assert registry.create().version == 1
    assert registry.versions() == 1


def rewrite(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Write an archive anew with other files in it, in the form that ours have."""
    from tasks.formats.archives import archive

    with zipfile.ZipFile(path) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    change(files)
    path.write_bytes(archive(files))


def cut_last(files: dict[str, bytes]) -> None:
    """Leave the last entry out: of a whole log it is a part then."""
    last = max(name for name in files if name.startswith("statements/"))
    del files[last]
    del files[last.replace("statements", "proofs").replace(".json", ".tlog-proof")]


def other_outcome(files: dict[str, bytes]) -> None:
    """Say in a statement something else than what was signed."""
    name = min(name for name in files if name.startswith("statements/"))
    envelope = json.loads(files[name])
    envelope["payload"] = envelope["payload"][:-8] + "AAAAAAA="
    files[name] = json.dumps(envelope).encode()


def pickled(registry: Registry) -> None:
    (registry.data / "model.pkl").write_bytes(pickle.dumps({"a": 1}))


def other_bytes(registry: Registry) -> None:
    path = registry.data / "scorer.json"
    path.write_text(path.read_text().replace("0.5", "0.1"))


def other_loader(registry: Registry) -> None:
    path = registry.run_folder / "model" / "MLmodel"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(
        "".join("    loader_module: os\n" if "loader_module" in line else line for line in lines)
    )


def other_code(registry: Registry) -> None:
    (package,) = (registry.run_folder / "model" / "code").iterdir()
    path = package / "loading.py"
    path.write_text(path.read_text() + "\nimport os\n")


def code_beside(registry: Registry) -> None:
    (package,) = (registry.run_folder / "model" / "code").iterdir()
    (package / "more.py").write_text("import os\n")


def a_link(registry: Registry) -> None:
    (registry.data / "more.json").symlink_to("/etc/hostname")


def a_requirement(registry: Registry) -> None:
    path = registry.run_folder / "model" / "requirements.txt"
    path.write_text(path.read_text() + "\nevil==1\n")


FILES: dict[str, Callable[[Registry], object]] = {
    "a pickle": pickled,
    "a skops": lambda r: (r.data / "model.skops").write_bytes(b"PK"),
    "other bytes": other_bytes,
    "another loader": other_loader,
    "other code": other_code,
    "code beside": code_beside,
    "a link": a_link,
    "another requirement": a_requirement,
    "a file less": lambda r: (r.data / "scorer.json").unlink(),
    "no model": lambda r: shutil.rmtree(r.run_folder / "model"),
    "no evidence": lambda r: r.archive.unlink(),
    "no archive": lambda r: r.archive.write_bytes(b"PK\x05\x06" + bytes(18)),
    "a byte of it flipped": lambda r: r.archive.write_bytes(
        bytes([*r.archive.read_bytes()[:5000], r.archive.read_bytes()[5000] ^ 1])
        + r.archive.read_bytes()[5001:]
    ),
    "a statement altered": lambda r: rewrite(r.archive, other_outcome),
    "its last entry left out": lambda r: rewrite(r.archive, cut_last),
    "another decision's name": lambda r: r.archive.rename(
        r.archive.with_name(f"clearance-{int(r.tags[ENTRY_TAG]) - 1}.zip")
    ),
}


@pytest.mark.parametrize("alter", FILES.values(), ids=FILES)
def test_no_altered_file_is_registered(
    registry: Registry, alter: Callable[[Registry], object]
) -> None:
    alter(registry)
    with pytest.raises(MlflowException):
        registry.create()
    assert registry.versions() == 0


OTHER = "0" * 64
TRUST: dict[str, Callable[[Registry], None]] = {
    "another root key": lambda r: r.trust_log(root_key=OTHER),
    "another log": lambda r: r.trust_log(origin="portcullis/other"),
    "a key of decisions that is not pinned": lambda r: r.trust_log(decision_keys=(OTHER,)),
    "a name of another use case": lambda r: r.trust_log(names={CASE: "other"}),
    "a name of nobody": lambda r: r.trust_log(names={"other": CASE}),
    "an old policy": lambda r: r.trust(policies=(OTHER,)),
    "a mode that is too low": lambda r: r.trust(least_mode="enforced"),
    "a place that is not pinned": lambda r: r.trust(artifact_roots=("s3://release/",)),
    "a model that is too large": lambda r: r.trust(most_model_bytes=100),
    "a policy that is not there": lambda r: r.trust(policy_workspace=Path("/nowhere")),
}


@pytest.mark.parametrize("distrust", TRUST.values(), ids=TRUST)
def test_what_is_not_pinned_opens_nothing(
    registry: Registry, distrust: Callable[[Registry], None]
) -> None:
    distrust(registry)
    with pytest.raises(MlflowException):
        registry.create()
    assert registry.versions() == 0


TAGS: dict[str, dict[str, str]] = {
    "another model": {MODEL_TAG: OTHER},
    "another decision": {DECISION_TAG: OTHER},
    "another entry": {ENTRY_TAG: "1"},
    "no entry": {ENTRY_TAG: ""},
    "an entry as a path": {ENTRY_TAG: "../../1"},
    "an entry in other digits": {ENTRY_TAG: "\N{ARABIC-INDIC DIGIT ONE}"},
    "another log": {"portcullis.log_origin": "portcullis/other"},
    "another gate's outcome": {"portcullis.gate.fairness": "fail"},
    "a gate that there is not": {"portcullis.gate.other": "pass"},
    "other data": {"portcullis.data.redact/rows.parquet": OTHER},
    "another plan": {"portcullis.plan_sha256": OTHER},
    "fewer attempts": {"portcullis.attempts": "1 attempt"},
    "one of ours that nobody knows": {"portcullis.approved": "yes"},
    "a prompt": {"mlflow.prompt.is_prompt": "true"},
}


@pytest.mark.parametrize("change", TAGS.values(), ids=TAGS)
def test_no_tag_says_what_the_evidence_does_not(registry: Registry, change: dict[str, str]) -> None:
    with pytest.raises(MlflowException):
        registry.create(tags={**registry.tags, **change})
    assert registry.versions() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": "m-" + "0" * 32},
        {"run_link": "https://elsewhere.example"},
        {"local_model_path": "/etc"},
        {"run_id": "0" * 32},
        {"run_id": "../" + "0" * 29},
        {"name": "other"},
    ],
    ids=str,
)
def test_no_other_argument_leads_past_the_run(registry: Registry, change: dict[str, str]) -> None:
    with pytest.raises(MlflowException):
        registry.create(**change)
    assert registry.versions() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET status = 'RUNNING'",
        "UPDATE runs SET status = 'FAILED'",
        "UPDATE runs SET lifecycle_stage = 'deleted'",
        "UPDATE runs SET artifact_uri = 'mlflow-artifacts:/1/other/artifacts'",
        "UPDATE runs SET artifact_uri = 'http://169.254.169.254/' || run_uuid || '/artifacts'",
        "UPDATE runs SET artifact_uri = 'mlflow-artifacts:/../' || run_uuid || '/artifacts'",
    ],
)
def test_a_run_that_is_not_finished_or_lies_elsewhere_is_none(
    registry: Registry, statement: str
) -> None:
    with closing(sqlite3.connect(registry.database)) as connection, connection:
        connection.execute(statement)
        (place,) = connection.execute("SELECT artifact_uri FROM runs").fetchone()
    with pytest.raises(MlflowException):
        registry.create()
    with pytest.raises(MlflowException):
        registry.create(source=f"{place}/model")
    assert registry.versions() == 0


def test_a_decision_of_yesterday_makes_no_version(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    now = time.time()
    clock = "tasks.registry_store.verifying.time.time"
    monkeypatch.setattr(clock, lambda: now + registry.config.decision_seconds + 60)
    with pytest.raises(MlflowException, match="decision"):
        registry.create()
    monkeypatch.setattr(clock, lambda: now - 3600)
    with pytest.raises(MlflowException, match="decision"):
        registry.create()
    assert registry.versions() == 0


@pytest.mark.parametrize(
    "failure", [ServiceError("p", expected="e", found="f", remedy="r"), RuntimeError(), KeyError()]
)
def test_a_policy_engine_that_is_down_refuses(
    registry: Registry, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(verifying, "ask_policy", fail)
    with pytest.raises(MlflowException):
        registry.create()
    assert registry.versions() == 0


def test_bytes_that_are_exchanged_while_they_are_judged_come_to_no_version(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exchange(*arguments: Any, **options: Any) -> None:
        ask_policy(*arguments, **options)
        other_bytes(registry)

    monkeypatch.setattr(verifying, "ask_policy", exchange)
    with pytest.raises(MlflowException, match="a moment later"):
        registry.create()
    assert registry.versions() == 0


def test_bytes_that_are_exchanged_later_get_no_alias_and_let_the_version_go(
    registry: Registry,
) -> None:
    registry.create()
    registry.store.set_registered_model_alias(CASE, "candidate", "1")
    with pytest.raises(MlflowException, match="a cleared one"):
        registry.store.delete_model_version(CASE, "1")
    other_bytes(registry)
    with pytest.raises(MlflowException):
        registry.store.set_registered_model_alias(CASE, "candidate", "1")
    registry.store.delete_registered_model_alias(CASE, "candidate")
    registry.store.delete_model_version(CASE, "1")


def test_of_two_calls_at_once_one_makes_the_version(registry: Registry) -> None:
    answers: list[str] = []
    start = threading.Barrier(3)

    def work() -> None:
        start.wait()
        try:
            answers.append(registry.create().version)
        except MlflowException as error:
            answers.append(error.error_code)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, answers)) == ["1", *["RESOURCE_ALREADY_EXISTS"] * 2]
    assert registry.versions() == 1


def test_a_version_that_was_put_into_the_database_gets_no_alias(registry: Registry) -> None:
    with closing(sqlite3.connect(registry.database)) as connection, connection:
        connection.execute(
            "INSERT INTO model_versions (name, version, source, storage_location, run_id, "
            "current_stage, status, workspace) VALUES (?, 1, ?, 'mlflow-artifacts:/elsewhere', ?, "
            "'None', 'READY', 'default')",
            (CASE, registry.source, registry.run_id),
        )
    for alias in ("candidate", "champion"):
        with pytest.raises(MlflowException):
            registry.store.set_registered_model_alias(CASE, alias, "1")


def test_what_goes_wrong_inside_says_no_value(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("canary-4711")

    monkeypatch.setattr(store_module, "find_released_run", fail)
    with pytest.raises(MlflowException) as caught:
        registry.create()
    assert "canary" not in str(caught.value)
