"""A small installation made by code: one use case, sealed data in several versions, a DVC cache, a remote, git."""

import hashlib
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tasks.keystore.keys import Retention
from tasks.keystore.pseudonyms import pseudonym
from tasks.stages.workspace import StageRun
from tests.cases import write_case
from tests.flows.workspace import case, write_case_files
from tests.installations import installation_at

CASE = "tiny"
DAY = date(2026, 11, 24)
PEOPLE = 40


def email(number: int) -> str:
    return f"person{number}@example.org"


def name(number: int) -> str:
    return f"Zoë Quarantine {number:03}"


@dataclass
class SmallInstallation:
    """The folder it lies in, and what was planted."""

    root: Path
    home: Path
    versions: list[Path] = field(default_factory=list)

    def subject(self, number: int) -> str:
        return pseudonym(installation_at(self.root).secret("pseudonym"), email(number))

    def work(self, stage: str) -> StageRun:
        return StageRun(stage, CASE, installation_at(self.root))

    def add_version(self, salt: int) -> None:
        """Write all sealed datasets anew, and put each into the cache and the remote, as `dvc push` would."""
        numbers = range(PEOPLE)
        rows = pd.DataFrame(
            {
                "subject": [self.subject(i) for i in numbers],
                "email": [email(i) for i in numbers],
                "name": [name(i) for i in numbers],
                "income": [float(i * 7 + salt) for i in numbers],
            }
        )
        self.work("ingest").write_rows(rows)
        self.work("redact").write_rows(rows[["subject", "income"]])
        reasons = rows[["subject"]].iloc[:10].assign(reason="income", salt=salt)
        self.work("explain").write_rows(reasons, "reasons", Retention.DECISION_RECORD)
        for path in sorted((self.root / "data").rglob("*.parquet")):
            self.store(path)

    def store(self, path: Path) -> None:
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        for store in (self.root / ".dvc" / "cache", self.root / "remote"):
            target = store / "files" / "md5" / digest[:2] / digest[2:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            self.versions.append(target)


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> SmallInstallation:
    """An installation to copy: made once, never changed."""
    folder = tmp_path_factory.mktemp("installation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_HOME", str(folder / "home"))
        root = folder / "root"
        values = case()
        values["columns"]["name"] = {"role": "identifier", "source": "applications", "kind": "name"}
        write_case_files(root)
        write_case(root, CASE, values)
        (root / ".dvc").mkdir()
        (root / ".dvc" / "config").write_text(
            "[core]\n    remote = there\n['remote \"there\"']\n    url = ../remote\n"
        )
        (root / ".gitignore").write_text("data/\nremote/\n.dvc/cache/\n.dvc/tmp/\n")
        for command in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"],
        ):
            subprocess.run(["git", *command], cwd=root, check=True)
        made = SmallInstallation(root, folder / "home")
        for salt in range(3):
            made.add_version(salt)
        mlflow = sqlite3.connect(folder / "home" / "mlflow.db")
        mlflow.executescript(
            "CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, artifact_location VARCHAR(256));"
            "CREATE TABLE params (key VARCHAR(250), value TEXT, run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid));"
            "CREATE TABLE model_version_tags (key VARCHAR(250), value TEXT, name VARCHAR(256), version INTEGER);"
        )
        mlflow.commit()
        mlflow.close()
    return made


@pytest.fixture
def installation(
    pattern: SmallInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SmallInstallation:
    shutil.copytree(pattern.root, tmp_path / "root")
    shutil.copytree(pattern.home, tmp_path / "home")
    for variable in (
        "PORTCULLIS_KEYS_URL",
        "VAULT_ADDR",
        "MLFLOW_TRACKING_URI",
        "PREFECT_API_URL",
        "PORTCULLIS_SCRATCH",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home" / "prefect"))
    monkeypatch.setenv("PORTCULLIS_TODAY", DAY.isoformat())
    monkeypatch.chdir(tmp_path / "root")
    relative = [path.relative_to(pattern.root) for path in pattern.versions]
    return SmallInstallation(
        tmp_path / "root", tmp_path / "home", [tmp_path / "root" / path for path in relative]
    )
