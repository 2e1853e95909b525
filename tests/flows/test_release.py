"""The whole path on a small use case, by the flow and by `dvc repro`: passed, blocked, attacked."""

import functools
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.path import PATH
from tests.flows.workspace import CASE, Workspace, people

pytestmark = pytest.mark.integration
REGISTER = f"register@{CASE}"
RELEASE = (sys.executable, "-m", "flows", "release", CASE)


@pytest.fixture(scope="module")
def shut(released: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A released workspace that was then brought to a shut fairness gate. Never changed either."""
    workspace = released.copy(tmp_path_factory.mktemp("shut"))
    workspace.configure(limits__fairness__equal_opportunity_difference=0.0)
    assert workspace.dvc("repro", REGISTER, check=False).returncode
    return workspace


def test_dvc_repro_registers_and_a_second_run_does_nothing(workspace: Workspace) -> None:
    receipt = json.loads(workspace.path("register/receipt.json").read_text())
    assert receipt["name"] == CASE
    assert json.loads(workspace.path("dossier/dossier.json").read_text())["isRegistered"]
    assert workspace.versions() == ["1"]
    again = workspace.dvc("repro", REGISTER)
    ran = [line for line in again.stdout.splitlines() if line.startswith("Running stage")]
    # Agreements expire and vulnerabilities become known although no file of ours has changed.
    always = [stage.name for stage in PATH if stage.is_always_run]
    assert sorted(ran) == sorted(f"Running stage '{stage}@{CASE}':" for stage in always)
    for command in (("dag",), ("metrics", "show"), ("plots", "show")):
        workspace.dvc(*command)


def test_a_blocked_release_exits_3_names_every_failed_check_and_registers_nothing(
    workspace: Workspace,
) -> None:
    workspace.configure(
        limits__fairness__equal_opportunity_difference=0.0, limits__train__auc=0.999
    )
    done = workspace.run(*RELEASE, check=False)
    assert done.returncode == 3, done.stderr[-2000:]
    assert "BLOCKED: nothing was registered" in done.stdout
    flat = " ".join(done.stdout.split())
    assert "fairness: equal opportunity difference, green (colour)" in flat
    assert "train: AUC, lower end of its interval" in flat
    assert "Blocked(" in done.stderr + done.stdout
    assert "NoneType" not in done.stderr + done.stdout
    assert not json.loads(workspace.path("dossier/dossier.json").read_text())["isRegistered"]
    assert "../dossier/index.html" in workspace.path("report/index.html").read_text()
    assert workspace.versions() == ["1"]
    assert not workspace.path("register/receipt.json").exists()


def test_a_failed_gate_before_training_blocks_training(workspace: Workspace) -> None:
    workspace.configure(limits__validate__smallest_group_rows=100_000)
    done = workspace.dvc("repro", REGISTER, check=False)
    assert done.returncode
    assert "BLOCKED" in done.stderr
    assert "validate: smallest group of colour, rows" in done.stderr
    dossier = workspace.path("dossier")
    assert not json.loads((dossier / "dossier.json").read_text())["isRegistered"]
    assert not (dossier / "model.cdx.json").exists()  # the model there is of an earlier release


def forge_verdict(workspace: Workspace) -> None:
    path = workspace.path("fairness/verdict.json")
    path.write_text(path.read_text().replace('"fail"', '"pass"').replace('"undecided"', '"pass"'))


def forge_decision(workspace: Workspace) -> None:
    path = workspace.path("decide/decision.json")
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"outcome": "pass", "refusals": []}))


def forge_everything(workspace: Workspace) -> None:
    forge_verdict(workspace)
    assert workspace.stage("decide").returncode == 0


def loosen_limit(workspace: Workspace) -> None:
    workspace.configure(limits__fairness__equal_opportunity_difference=0.9)


def loosen_limit_and_judge_again(workspace: Workspace) -> None:
    loosen_limit(workspace)
    for stage in ("fairness", "decide"):
        assert workspace.stage(stage).returncode == 0


def drop_gate(workspace: Workspace) -> None:
    workspace.path("fairness/verdict.json").unlink()


def empty_subjects(workspace: Workspace) -> None:
    path = workspace.path("fairness/verdict.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"about": {}}))


ITSELF = "the stage itself"
BY_DVC = "dvc repro --single-item"
ATTACKS = (
    forge_verdict,
    forge_decision,
    forge_everything,
    loosen_limit,
    loosen_limit_and_judge_again,
    drop_gate,
    empty_subjects,
)


@pytest.mark.parametrize(
    ("attack", "way"),
    [
        *((attack, ITSELF) for attack in ATTACKS),
        # DVC starts that very stage. What it adds: it looks first whether the verdicts are there.
        *((attack, BY_DVC) for attack in (forge_everything, drop_gate)),
    ],
)
def test_a_shut_gate_is_not_opened_by_editing_what_lies_around(
    shut: Workspace, tmp_path: Path, attack: Callable[[Workspace], None], way: str
) -> None:
    workspace = shut.copy(tmp_path)
    attack(workspace)
    if way == ITSELF:
        done = workspace.stage("register")
        assert done.returncode == 3, done.stderr
    else:
        done = workspace.dvc("repro", "--single-item", REGISTER, check=False)
        assert done.returncode
    if attack is drop_gate and way == BY_DVC:
        # `register` declares the verdicts that it reads, so DVC stops before the stage can refuse.
        assert "fairness/verdict.json" in done.stderr
    else:
        assert "BLOCKED" in done.stderr
    assert workspace.versions() == ["1"]


def swap_model(workspace: Workspace) -> None:
    path = workspace.path("train/model/scorer.json")
    path.write_text(path.read_text().replace('"cutoff": 0', '"cutoff": -0'))


def touch_data(workspace: Workspace) -> None:
    path = workspace.path("redact/rows.parquet")
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])


@pytest.mark.parametrize("attack", [swap_model, touch_data])
def test_bytes_that_changed_after_they_were_judged_are_not_registered(
    workspace: Workspace, attack: Callable[[Workspace], None]
) -> None:
    attack(workspace)
    done = workspace.stage("register")
    assert done.returncode == 3, done.stderr
    assert "is not what was judged" in done.stderr


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DVC_EXP_BASELINE_REV": "abc"}, "dvc exp run"),
        ({"PORTCULLIS_TODAY": "2040-01-01"}, "expired on 2031-12-31"),
    ],
)
def test_no_moment_to_register(
    workspace: Workspace, environment: dict[str, str], words: str
) -> None:
    done = workspace.stage("register", **environment)
    assert done.returncode == 3
    assert words in done.stderr


def test_an_expired_agreement_stops_every_run_even_when_nothing_changed(
    workspace: Workspace,
) -> None:
    done = workspace.dvc("repro", REGISTER, check=False, PORTCULLIS_TODAY="2040-01-01")
    assert done.returncode
    assert "agreement A-1" in done.stderr
    assert "no data admitted" in workspace.path("dossier/index.html").read_text()


def applications(workspace: Workspace) -> Path:
    return workspace.root / "sources" / "applications.csv"


def rewrite(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Workspace], None]:
    def fault(workspace: Workspace) -> None:
        change(people().drop(columns="debt")).to_csv(applications(workspace), index=False)

    return fault


# Each: what is wrong, and the words for it. Three that `validate` finds share a run: it names all.
FAULTS: dict[str, tuple[Callable[[Workspace], object], tuple[str, ...]]] = {
    "source missing": (lambda w: applications(w).unlink(), ("source `applications`",)),
    "source truncated": (
        lambda w: (w.root / "sources/bureau.jsonl").write_text(
            (w.root / "sources/bureau.jsonl").read_text()[:-20]
        ),
        ("source `bureau`",),
    ),
    "source empty": (rewrite(lambda f: f.head(0)), ("source `applications`",)),
    "wrong types": (rewrite(lambda f: f.assign(income="much")), ("income",)),
    "an extra column": (rewrite(lambda f: f.assign(religion="none")), ("1 undeclared column of",)),
    "a column gone": (rewrite(lambda f: f.drop(columns="years")), ("absent: years",)),
    "all one class": (rewrite(lambda f: f.assign(repaid=1)), ("rarest label",)),
    "an empty group, a constant feature and a target that is missing": (
        rewrite(
            lambda f: f.assign(colour="blue", years=3, repaid=f.repaid.where(f.repaid.index > 5))
        ),
        ("smallest group of colour", "constant features", "rows without a label"),
    ),
    "an unknown key": (
        lambda w: w.configure(train__typo=1),
        ("configs/tiny/case.yaml, `train`: typo",),
    ),
    "a limit that is gone": (
        lambda w: w.configure(limits__fairness={"theil_index": 1.0}),
        ("limits.fairness",),
    ),
    "a date without quotes": (
        lambda w: (w.root / "configs/tiny/case.yaml").write_text(
            (w.root / "configs/tiny/case.yaml").read_text().replace("'2031-12-31'", "2031-12-31")
        ),
        ("date",),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_said_in_plain_words_and_nothing_new_is_registered(
    workspace: Workspace, fault: str
) -> None:
    cause, words = FAULTS[fault]
    cause(workspace)
    done = workspace.dvc("repro", REGISTER, check=False)
    assert done.returncode
    for part in words:
        assert part in done.stderr + done.stdout
    assert "person1@example.org" not in done.stderr + done.stdout
    assert workspace.versions() == ["1"]


def test_a_registry_that_is_down_loses_nothing_and_the_next_run_completes(
    workspace: Workspace,
) -> None:
    class Unavailable(http.server.BaseHTTPRequestHandler):
        """Somebody answers, so that the release begins, and never with what is asked for."""

        def parse_request(self) -> bool:
            if super().parse_request():
                self.send_error(503)
            return False

        def log_message(self, *_: object) -> None:
            pass

    workspace.configure(train__rounds=21)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unavailable) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        down = workspace.run(
            *RELEASE,
            check=False,
            MLFLOW_TRACKING_URI=address,
            MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
        )
        server.shutdown()
    assert down.returncode == 4
    assert f"model registry {address}" in down.stderr
    assert "Unavailable(" in down.stderr + down.stdout
    assert workspace.path("decide/decision.json").exists()
    workspace.dvc("repro", REGISTER)
    assert sorted(workspace.versions()) == ["1", "2"]


def test_a_remote_source_that_does_not_answer_at_once_is_asked_again(workspace: Workspace) -> None:
    class Stumbling(http.server.SimpleHTTPRequestHandler):
        asked = 0

        def send_head(self) -> Any:
            type(self).asked += 1
            return (
                self.send_error(503) if type(self).asked <= 2 else super().send_head()
            )  # HEAD, then GET

        def log_message(self, *_: object) -> None:
            pass

    serve = functools.partial(Stumbling, directory=str(workspace.root / "sources"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/bureau.jsonl"
        workspace.configure(sources__bureau__path=address)
        done = workspace.run(*RELEASE)
        server.shutdown()
    assert "REGISTERED" in done.stdout
    assert "Retry 1/3" in done.stdout + done.stderr


def test_a_file_that_cannot_grow_leaves_nothing_half_written(workspace: Workspace) -> None:
    """What a full disk does: writing stops in the middle."""
    rewrite(lambda frame: frame.assign(years=frame.years + 1))(workspace)
    script = f"ulimit -f 8; exec {sys.executable} -m tasks ingest {CASE}"
    workspace.stage("admit")
    before = workspace.path("ingest/rows.parquet").read_bytes()
    done = workspace.run("bash", "-c", script, check=False)
    assert done.returncode
    assert workspace.path("ingest/rows.parquet").read_bytes() == before
    assert (
        not list(workspace.path("ingest").glob(".draft-*.parquet"))
        or done.returncode == -signal.SIGXFSZ
    )
    workspace.dvc("repro", f"ingest@{CASE}")


def test_killed_in_mid_stage_then_run_again_gives_what_it_would_have_given(
    workspace: Workspace, released: Workspace
) -> None:
    workspace.configure(train__rounds=4000)
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", REGISTER],
        cwd=workspace.root,
        env=workspace.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    training = _wait_for_child(process.pid, "tasks.stages.process train")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while _runs(training) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(training), "an orphan goes on writing"
    workspace.configure(train__rounds=20)
    workspace.dvc("repro", REGISTER)
    for name in ("train/verdict.json", "decide/decision.json", "register/receipt.json"):
        assert (
            workspace.path(name).read_bytes() == (released.root / "data" / CASE / name).read_bytes()
        )


def test_two_releases_at_once_make_one_version(workspace: Workspace) -> None:
    workspace.configure(train__rounds=22)
    both = [
        subprocess.Popen(
            RELEASE,
            cwd=workspace.root,
            env=workspace.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    ends = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], [end[1][-1500:] for end in ends]
    assert sorted(workspace.versions()) == ["1", "2"]


def test_no_personal_value_lies_in_plain_text_anywhere(workspace: Workspace) -> None:
    """Outputs, caches, reports, the registry and Prefect's database hold none; sources may."""
    found = []
    for folder in (workspace.root / "data", workspace.root / ".dvc", workspace.home):
        found += [
            path
            for path in folder.rglob("*")
            if path.is_file() and b"person77@example.org" in path.read_bytes()
        ]
    assert found == []


def _runs(pid: int) -> bool:
    """Say whether a process still runs; one that has ended but was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_for_child(parent: int, words: str) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                session = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[3])
            except (OSError, IndexError):
                continue
            if words in command and session == parent:
                return int(entry.name)
        time.sleep(0.05)
    raise AssertionError(f"no process with {words!r} was started")
