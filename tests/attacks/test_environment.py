"""Variables that whoever is judged sets: in enforced mode none arrives, locally each is said.

Every value that is set holds a word that must be found in no process of the worker or of a stage.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from pwd import getpwnam

import pytest

from tasks.code_identity.commits import find_commit
from tasks.code_identity.tree import read_tree
from tasks.errors import ConfigError, RefusalKind, ServiceError
from tasks.isolated import FLAGS
from tasks.settings import VARIABLES, Settings, environment_of_stage
from tasks.stages.fairness.checks import FairnessCheck
from tasks.worker.mandate import Mandate
from tests.attacks.attempts import Kind, Mode, attempt
from tests.attacks.enforced import SCIENTIST, STAGE, WORKER, Enforced
from tests.attacks.forging import ask, configured, forging
from tests.attacks.judging import commit, kinds, put_in_force
from tests.flows.workspace import CASE
from tests.installations import installation_at
from tests.tasks.judged import CHECKOUT, check, put_verdict, sign_for

CANARY = "pcx-canary"
OURS = tuple(name for variable in VARIABLES for name in variable.names)
PYTHON = (
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONUSERBASE",
    "PYTHONPYCACHEPREFIX",
    "PYTHONBREAKPOINT",
    "PYTHONWARNINGS",
    "PYTHONOPTIMIZE",
    "PYTHONPLATLIBDIR",
)
GIT = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_PARAMETERS",
    "GIT_SSH_COMMAND",
    "GIT_EXTERNAL_DIFF",
    "GIT_EXEC_PATH",
    "GIT_REPLACE_REF_BASE",
)
TOOLS = (
    "DVC_SITE_CACHE_DIR",
    "DVC_GLOBAL_CONFIG_DIR",
    "DVC_SYSTEM_CONFIG_DIR",
    "DVC_ROOT",
    "MLFLOW_ARTIFACT_URI",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_TRACKING_TOKEN",
    "PREFECT_LOGGING_LEVEL",
    "REQUESTS_CA_BUNDLE",
    "HTTPS_PROXY",
    "OPENBLAS_NUM_THREADS",
    "LGBM_MAX_THREADS",
)
MACHINE = ("LD_LIBRARY_PATH", "LOCPATH", "NLSPATH", "TZ", "BASH_ENV", "ENV", "TMPDIR", "LD_PRELOAD")
ALL = (*OURS, *PYTHON, *GIT, *TOOLS, *MACHINE)


def variables_of(mode: Enforced) -> dict[str, str]:
    """Return every variable, set to what would be seen, or would break or open something."""
    folder = mode.folder / SCIENTIST / CANARY
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    planted = f"open({str(folder / 'planted')!r}, 'a').write('x')\n"
    for name in ("sitecustomize.py", "usercustomize.py", "yaml.py", "startup.py"):
        (folder / name).write_text(planted)
    program = folder / "program"
    program.write_text(f"#!/bin/sh\ntouch {folder}/planted\nexit 1\n")
    program.chmod(0o755)

    values = dict.fromkeys(ALL, str(folder))
    values |= dict.fromkeys(("GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF"), str(program))
    values["PYTHONSTARTUP"] = str(folder / "startup.py")
    values["PORTCULLIS_TODAY"] = "2040-01-01"
    values["OPA_URL"] = values["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:9/{CANARY}"
    values["LD_PRELOAD"] = f"{folder}/preloaded.so"
    return values


class Watch:
    """Remembers each environment of the worker's and the stage's processes that holds the word."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.looks = 0
        self._accounts = {getpwnam(name).pw_uid for name in (WORKER, STAGE)}

    def look(self) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if process.stat().st_uid not in self._accounts | {0}:
                    continue
                is_ours = Path(process / "status").read_text().split("Uid:\t")[1].split("\t")[0]
                if int(is_ours) not in self._accounts:
                    continue
                environment = (process / "environ").read_bytes()
            except (OSError, IndexError):
                continue
            self.looks += 1
            if CANARY.encode() in environment:
                self.hits.append(environment.decode(errors="replace"))


@contextmanager
def watching() -> Iterator[Watch]:
    """Look at the worker's and the stage's processes, again and again, while the block runs."""
    watch = Watch()
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            watch.look()
            time.sleep(0.02)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


@attempt(
    Kind.LAW,
    Mode.ENFORCED,
    "a variable set by who asks for the release",
    stopped_by="the worker's environment is the administrator's, and a stage's the launcher's",
    cases=ALL,
)
@pytest.mark.integration
def test_no_variable_of_the_client_s_arrives(service: Enforced) -> None:
    variables = variables_of(service)
    with watching() as watch:
        done = ask(service, service.head(), CASE, "admit", "ingest", environment=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert watch.looks > 0
    assert watch.hits == []
    assert not (service.folder / SCIENTIST / CANARY / "planted").exists()


@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "a commit that a gate refuses, asked for with every variable set",
    stopped_by="the gate: the worker does not see the variables",
)
@pytest.mark.integration
def test_a_blocked_commit_stays_blocked_whatever_is_set(released: Enforced) -> None:
    before = released.registered()
    with forging(released) as forge:
        strict = configured(
            forge,
            lambda case: case["limits"]["fairness"].update(equal_opportunity_difference=0.0),
        )
        blocked = forge.push(forge.commit(strict))
        done = ask(released, blocked, CASE, environment=variables_of(released))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "fairness: equal opportunity difference" in done.stdout
    assert released.registered() == before


@attempt(
    Kind.LAW,
    Mode.ENFORCED,
    "job variables of Prefect that would let an agreement lapse, or lead elsewhere",
    stopped_by="the flow asks the worker; its environment is not the worker's",
    cases=("PORTCULLIS_TODAY", "OPA_URL", "MLFLOW_TRACKING_URI", "PYTHONPATH"),
)
@pytest.mark.integration
def test_job_variables_of_prefect(
    released: Enforced, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flow's own way through the worker, too, which takes a minute: it is walked here alone."""
    (released.folder / SCIENTIST / "planted").mkdir(exist_ok=True)
    monkeypatch.setenv("PORTCULLIS_TODAY", "2040-01-01")
    monkeypatch.setenv("OPA_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("PYTHONPATH", str(released.folder / SCIENTIST / "planted"))
    if "`root`" not in released.govern("keys", "list"):
        released.enrol("ops", "developer", "root")
    home = tmp_path_factory.mktemp("home")
    done = released.release_by_flow(home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "REGISTERED" in done.stdout
    assert released.registered() == f"{CASE}/1"

    # The service has written the dossier where nobody else writes, and sent what it says.
    written = released.workspace / "data" / CASE / "dossier"
    sent = home / "shown" / "data" / CASE / "dossier"
    names = {path.relative_to(written) for path in written.rglob("*") if path.is_file()}
    assert {path.relative_to(sent) for path in sent.rglob("*") if path.is_file()} == names
    assert all((sent / name).read_bytes() == (written / name).read_bytes() for name in names)
    index = json.loads((sent / "dossier.json").read_bytes())
    assert index["isRegistered"] is True


# On one's own machine


def set_git_to(folder: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a variable of git's to another repository, a program or a configuration with one."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\ntouch {folder}/planted\n")
    program.chmod(0o755)
    configuration = folder / "gitconfig"
    configuration.write_text(f"[core]\n\tfsmonitor = {program}\n\tattributesFile = {folder}/a\n")
    subprocess.run(["git", "init", "-q", str(folder / "other")], check=True)
    value = {
        "GIT_DIR": folder / "other" / ".git",
        "GIT_CONFIG_GLOBAL": configuration,
        "GIT_CONFIG_SYSTEM": configuration,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={program}'",
        "GIT_EXTERNAL_DIFF": program,
        "GIT_SSH_COMMAND": program,
    }.get(variable, folder / "other")
    monkeypatch.setenv(variable, str(value))


@attempt(
    Kind.CLEAN,
    Mode.LOCAL,
    "code changed, and a variable of git's set to hide it",
    stopped_by="bytes are compared with git's objects, by an allow-list of variables",
    cases=GIT,
)
@pytest.mark.parametrize("variable", GIT)
def test_git_s_variables_hide_nothing(
    judged_case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    commit(judged_case)
    assert find_commit(judged_case, read_tree(judged_case)).dirty == ()
    policy = judged_case / "configs" / "policy" / "clearance.rego"
    policy.write_text(policy.read_text() + "\n# mine\n")
    set_git_to(tmp_path, variable, monkeypatch)
    dirty = find_commit(judged_case, read_tree(judged_case)).dirty
    assert dirty == ("configs/policy/clearance.rego",)
    assert not (tmp_path / "planted").exists()


@attempt(
    Kind.CLEAN,
    Mode.LOCAL,
    "a variable of Python's that has other code run in the worker",
    stopped_by="the worker starts as `python -I -S`, and compiles its own sources",
    cases=PYTHON,
)
@pytest.mark.parametrize("variable", PYTHON)
def test_python_s_variables_bring_no_code(tmp_path: Path, variable: str) -> None:
    planted = f"open({str(tmp_path / 'planted')!r}, 'w')\n"
    for name in ("sitecustomize.py", "usercustomize.py", "tasks.py", "json.py"):
        (tmp_path / name).write_text(planted)
    value = {"PYTHONSTARTUP": tmp_path / "json.py", "PYTHONINSPECT": "1"}.get(variable, tmp_path)
    isolated = str(CHECKOUT / "tasks" / "isolated.py")
    done = subprocess.run(
        [sys.executable, *FLAGS, isolated, "tasks.settings"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], variable: str(value)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "planted").exists()


@attempt(
    Kind.LAW,
    Mode.LOCAL,
    "PORTCULLIS_TODAY, which revives an agreement that has lapsed",
    stopped_by="what ran under a drill's date says so, and clears nothing (drill.clock)",
    cases=("while `register` runs", "while a gate ran"),
)
@pytest.mark.parametrize("moment", ["register", "gate"])
def test_a_drill_s_date(judged_case: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    assert kinds(judged_case) == []
    monkeypatch.setenv("PORTCULLIS_TODAY", "2020-01-01")
    if moment == "gate":
        sign_for(judged_case, "fairness")
        monkeypatch.delenv("PORTCULLIS_TODAY")
    assert RefusalKind.DRILL_CLOCK in kinds(judged_case)


@pytest.fixture
def permissive_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server at OPA_URL that says it holds the very policy, and allows everything."""
    texts = [path.read_text() for path in (CHECKOUT / "configs" / "policy").glob("*.rego")]

    class Permissive(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say({"result": [{"raw": text} for text in texts]})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.say({"result": {"allow": True, "refusals": []}})

        def say(self, values: object) -> None:
            body = json.dumps(values).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Permissive) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("OPA_URL", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()
        thread.join()


@attempt(
    Kind.LAW,
    Mode.LOCAL,
    "OPA_URL of a server that echoes the policy's text and allows everything",
    stopped_by="the embedded engine is always asked: a server can only add refusals",
)
@pytest.mark.usefixtures("permissive_server")
def test_a_server_that_allows_everything(judged_case: Path) -> None:
    assert kinds(judged_case) == []
    failed = check(FairnessCheck.DISPARATE_IMPACT_RATIO, 0.4)
    put_verdict(judged_case, "fairness", checks=(failed,))
    sign_for(judged_case, "fairness")
    assert RefusalKind.CHECK_FAILED in kinds(judged_case)


@attempt(
    Kind.LAW,
    Mode.LOCAL,
    "OPA_URL of a server that does not answer",
    stopped_by="an engine that is silent allows nothing",
)
def test_a_server_that_is_silent(judged_case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPA_URL", "http://127.0.0.1:9")
    with pytest.raises(ServiceError):
        kinds(judged_case)


@attempt(
    Kind.LAW,
    Mode.LOCAL,
    "PORTCULLIS_MANDATE of one's own making",
    stopped_by="a mandate that says `enforced` has a launcher, and the other way round",
    cases=("enforced without a launcher", "local with one", "no JSON", "a file that is not there"),
)
@pytest.mark.parametrize(
    "text",
    [
        '{"mode": "enforced", "actor": "x", "trees": "t", "ref": "", "signer": "", "launcher": ""}',
        '{"mode": "local", "actor": "x", "trees": "t", "ref": "", "signer": "", "launcher": "l"}',
        "x",
        "",
    ],
)
def test_a_mandate_of_one_s_own(
    judged_case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = tmp_path / "mandate.json"
    if text:
        path.write_text(text)
    monkeypatch.setenv("PORTCULLIS_MANDATE", str(path))
    with pytest.raises(ConfigError, match="the file that the service wrote"):
        Mandate.of(installation_at(judged_case))


@attempt(
    Kind.LAW,
    Mode.LOCAL,
    "PORTCULLIS_MANDATE that says `enforced`, with a launcher of one's own",
    stopped_by="nothing on a machine of one's own: such evidence is signed by one's own keys, and "
    "counts nowhere the root key of the bank is pinned",
    is_stopped=False,
)
def test_evidence_that_lies_about_its_mode(
    judged_case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mandate.json"
    path.write_text(
        '{"mode": "enforced", "actor": "x", "trees": "t", "ref": "r", "signer": "", '
        '"launcher": "mine.sock"}'
    )
    with monkeypatch.context() as own:
        own.setenv("PORTCULLIS_MANDATE", str(path))
        assert Mandate.of(installation_at(judged_case)).mode == "enforced"
    monkeypatch.setenv("PORTCULLIS_TRUST_ROOT", "0" * 64)
    assert kinds(judged_case) == [RefusalKind.LEDGER_UNREADABLE]


@attempt(
    Kind.LAW,
    Mode.LOCAL,
    "the loader, Python or a debugger made to change a run on one's own machine",
    stopped_by="evidence of mode `local`: what is in force can ask for `enforced` "
    "(in_force.mode_too_low)",
    cases=("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "PORTCULLIS_ACTOR of somebody else"),
)
@pytest.mark.parametrize(
    "variable", ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "PORTCULLIS_ACTOR"]
)
def test_what_is_local_clears_nothing_where_enforced_is_asked(
    judged_case: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "somebody")
    sign_for(judged_case, "fairness")
    put_in_force(judged_case, least_mode="enforced")
    assert RefusalKind.IN_FORCE_MODE_TOO_LOW in kinds(judged_case)


@attempt(
    Kind.LAW,
    Mode.LOCAL,
    "a variable of ours that is misspelt, or was never one",
    stopped_by="a name that no table lists is refused",
    cases=("PORTCULLIS_TODAYS", "PORTCULLIS_NO_GATES", "PORTCULLIS_"),
)
@pytest.mark.parametrize("name", ["PORTCULLIS_TODAYS", "PORTCULLIS_NO_GATES", "PORTCULLIS_"])
def test_an_unknown_variable(name: str) -> None:
    with pytest.raises(ConfigError, match="a variable that"):
        Settings.from_environment({name: "1"})


WITHHELD = (
    "PORTCULLIS_SIGNING_TOKEN",
    "PORTCULLIS_SIGNING_HOME",
    "PORTCULLIS_LEDGER_URL",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_PASSWORD",
    "PORTCULLIS_HEC_TOKEN",
)


@attempt(
    Kind.SECRETS,
    Mode.LOCAL,
    "a stage's code reads the worker's credentials out of its environment",
    stopped_by="a stage's environment is without what its code does not read",
    cases=WITHHELD,
)
@pytest.mark.parametrize("name", WITHHELD)
def test_credentials_that_a_stage_does_not_get(name: str) -> None:
    assert environment_of_stage({name: "secret", "LANG": "C"}) == {"LANG": "C"}
