"""A small installation made by code: one use case, sealed data in three versions, a DVC cache,
a remote, git; and what tests do with it."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.erasure.erasing import ErasureOutcome, erase, resume
from tasks.erasure.holds import place_hold
from tasks.erasure.journal import ErasureStep, Hold, Journal, open_journal
from tasks.erasure.request import RequestOptions
from tasks.keystore.keys import KeyStore, Retention, open_keys
from tasks.keystore.pseudonyms import pseudonym
from tasks.keystore.shredding import restricted_of
from tasks.sealed.objects import SealedFile
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tests.cases import change_case, write_case
from tests.flows.workspace import case, write_case_files
from tests.installations import installation_at

CASE = "tiny"
DAY = date(2026, 11, 24)
PEOPLE = 40
VERSIONS = 3
WITH_DECISION_RECORD = 10  # the first so many people
# A dataset lies in the working tree or not, in the cache and in the remote: two copies are counted.
COPIES_OF_A_PERSON = VERSIONS * 2 * 2  # versions, datasets with everybody, cache and remote
BASIS = "Court of X, case 7/2026"
LAW = "12 CFR 1002.12(b), 25 months"

GIT_IGNORE = "data/\nremote/\n.dvc/cache/\n.dvc/tmp/\n"
DVC_CONFIG = "[core]\n    remote = there\n['remote \"there\"']\n    url = ../remote\n"
MLFLOW_TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, artifact_location VARCHAR(256));
CREATE TABLE params (
  key VARCHAR(250), value TEXT, run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid)
);
CREATE TABLE model_version_tags (
  key VARCHAR(250), value TEXT, name VARCHAR(256), version INTEGER
);
"""
MENTIONS_OF_AN_ADDRESS = 6  # that `plant` leaves in plain text
MENTIONS_OF_A_NAME = 4


def email(number: int) -> str:
    return f"person{number}@example.org"


def name(number: int) -> str:
    return f"Zoë Quarantine {number:03}"


@dataclass
class SmallInstallation:
    """Where it lies, and which sealed files lie in its cache and its remote."""

    workspace: Path
    home: Path
    versions: list[Path] = field(default_factory=list)
    options: RequestOptions = field(default_factory=RequestOptions)

    @property
    def installation(self) -> Installation:
        return installation_at(self.workspace)

    @property
    def keys(self) -> KeyStore:
        return open_keys(self.installation)

    @property
    def journal(self) -> Journal:
        return open_journal(self.installation)

    @property
    def receipts(self) -> list[Path]:
        return sorted((self.home / "receipts").iterdir())

    def subject(self, number: int) -> str:
        return pseudonym(self.installation.secret("pseudonym"), email(number))

    def stage_run(self, stage: str) -> StageRun:
        return StageRun(stage, CASE, self.installation)

    def add_version(self, salt: int) -> None:
        """Write all sealed datasets anew, and put each where `dvc push` would."""
        numbers = range(PEOPLE)
        rows = pd.DataFrame(
            {
                "subject": [self.subject(number) for number in numbers],
                "email": [email(number) for number in numbers],
                "name": [name(number) for number in numbers],
                "income": [float(number * 7 + salt) for number in numbers],
            }
        )
        reasons = rows[["subject"]].iloc[:WITH_DECISION_RECORD].assign(reason="income", salt=salt)

        self.stage_run("ingest").write_rows(rows)
        self.stage_run("redact").write_rows(rows[["subject", "income"]])
        self.stage_run("explain").write_rows(reasons, "reasons", Retention.DECISION_RECORD)
        for path in sorted((self.workspace / "data").rglob("*.parquet")):
            self.store(path)

    def store(self, path: Path) -> None:
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        for store in (self.workspace / ".dvc" / "cache", self.workspace / "remote"):
            target = store / "files" / "md5" / digest[:2] / digest[2:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            self.versions.append(target)

    def erase(self, *numbers: int, received: date = DAY, later: bool = False) -> ErasureOutcome:
        return erase(
            CASE,
            [email(number) for number in numbers],
            received=received,
            day=DAY,
            later=later,
            options=self.options,
            installation=self.installation,
        )

    def resume(self, day: date = DAY) -> ErasureOutcome:
        return resume(day=day, installation=self.installation)

    def readable_copies(self) -> dict[int, int]:
        """Whose rows can be read, in how many files: row by row, without the code under test."""
        keys = self.keys
        numbers = {self.subject(number): number for number in range(PEOPLE)}
        copies: dict[int, int] = {}
        for path in self.versions:
            sealed = SealedFile.open(path)
            key_ids = sealed.key_ids()
            places = sealed.places(key_ids)
            live = keys.by_id(key_ids)
            rows = [place for key_id in live for place in places[key_id]]
            for subject in sealed.unseal(rows, live)["subject"]:
                number = numbers[subject]
                copies[number] = copies.get(number, 0) + 1
        return copies

    def plant(self, number: int) -> None:
        """Leave a person in plain text where programs leave what they read."""
        text = f"{name(number)} <{email(number)}>"
        page = self.workspace / "data" / CASE / "validate" / "docs" / f"rows{number}.json"
        records = [{"who": text}, {"who": "Nobody Else"}]
        write(page, json.dumps(records, ensure_ascii=False))

        dvc = self.workspace / ".dvc"
        write(dvc / "tmp" / f"run{number}.log", text)
        write(dvc / "cache" / "files" / "md5" / "aa" / f"{number:030}", text)
        write(dvc / "cache" / "runs" / "ab" / f"{number}", f"cmd: x --for {email(number)}\n")

        artifacts = self.home / "mlartifacts"
        write(artifacts / f"table{number}.csv", f"email\n{email(number)}\n")
        self._plant_in_mlflow(number, artifacts)
        self._plant_in_prefect(number)

    def _plant_in_mlflow(self, number: int, artifacts: Path) -> None:
        code = SealedFile.open(self.workspace / "data" / CASE / "redact" / "rows.parquet").code
        with sqlite3.connect(self.home / "mlflow.db") as connection:
            connection.execute(
                "INSERT OR REPLACE INTO experiments VALUES (1, ?)", (artifacts.as_uri(),)
            )
            connection.execute(
                "INSERT INTO params VALUES (?,?,?)", (f"p{number}", email(number), "r")
            )
            connection.execute(
                "INSERT INTO model_version_tags VALUES ('portcullis.trained_on', ?, 'loan', ?)",
                (code, number),
            )
        connection.close()

    def _plant_in_prefect(self, number: int) -> None:
        folder = self.home / "prefect"
        folder.mkdir(exist_ok=True)
        with sqlite3.connect(folder / "prefect.db") as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS log (id TEXT PRIMARY KEY, message TEXT)")
            connection.execute(
                "INSERT INTO log VALUES (?,?)", (f"{number}", f"row of {name(number)}")
            )
        connection.close()

    def everything(self) -> bytes:
        """Every byte that there is, beside what the key store and git compress."""
        folders = (self.workspace / "data", self.workspace / ".dvc", self.home)
        return b"".join(bytes_below(folder) for folder in folders)

    def assert_gone(self, *numbers: int) -> None:
        content = self.everything()
        for number in numbers:
            for value in (email(number), name(number), self.subject(number)):
                assert value.encode() not in content, value
                assert json.dumps(value)[1:-1].encode() not in content, value

    def keep_decision_records(self, months: int = 25) -> None:
        """Let a law keep the decision records of the use case."""
        keep = {Retention.DECISION_RECORD.value: {"months": months, "basis": LAW}}
        change_case(self.workspace, CASE, lambda values: values["erasure"].update(keep=keep))

    def ignore_plus_tags(self) -> None:
        """Let the use case say that an address with a tag is the address without it."""
        ignored = ["case", "blanks", "unicode form", "plus tag"]
        change_case(
            self.workspace,
            CASE,
            lambda values: values["erasure"].update(identifiers={"ignore": ignored}),
        )

    def hold(self, number: int, review: date = date(2027, 6, 1)) -> Hold:
        return place_hold(
            self.keys,
            self.journal,
            [self.subject(number)],
            CASE,
            BASIS,
            DAY,
            review,
            self.installation,
        )

    def restricted_keys(self, number: int) -> int:
        return len(restricted_of(self.keys, self.subject(number)))


def make_installation(folder: Path) -> SmallInstallation:
    """Make the installation that every test gets a copy of."""
    workspace = folder / "root"
    home = folder / "home"
    values = case()
    values["columns"]["name"] = {"role": "identifier", "source": "applications", "kind": "name"}
    write_case_files(workspace)
    write_case(workspace, CASE, values)
    write(workspace / ".dvc" / "config", DVC_CONFIG)
    write(workspace / ".gitignore", GIT_IGNORE)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        git(workspace, *command)

    made = SmallInstallation(workspace, home)
    for salt in range(VERSIONS):
        made.add_version(salt)
    mlflow = sqlite3.connect(home / "mlflow.db")
    mlflow.executescript(MLFLOW_TABLES)
    mlflow.close()
    return made


def kill_at(step: ErasureStep, moment: str, work: Callable[[], object]) -> None:
    """Run `work` in a process that dies as if by kill -9 before or after a step is written down."""
    pid = os.fork()
    if pid == 0:
        record_step = Journal.record_step

        def dying(self: Journal, batch: str, done: ErasureStep, figures: dict[str, Any]) -> None:
            if done is step and moment == "before":
                os._exit(9)
            record_step(self, batch, done, figures)
            if done is step:
                os._exit(9)

        setattr(Journal, "record_step", dying)  # noqa: B010 - in a process of its own
        try:
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 9, "the step was never reached"


def git(workspace: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
    answer = subprocess.run(command, cwd=workspace, check=True, capture_output=True, text=True)
    return answer.stdout.strip()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
