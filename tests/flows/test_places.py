"""A release through the launcher, whatever a shell, an account or a place brings along."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.flows.workspace import CASE, HERE, Workspace

pytestmark = pytest.mark.integration
BARE = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
}  # what `env -i` and a login leave
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def place(released: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A released checkout with this virtual environment, in a folder with an awkward name."""
    workspace = released.copy(tmp_path_factory.mktemp("place") / "an 'odd' #1 & größer (place)")
    (workspace.root / ".venv").symlink_to(sys.prefix)
    return workspace


def launch(
    workspace: Workspace, *arguments: str, cwd: Path | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run `./portcullis` with nothing in its environment but what is given."""
    return subprocess.run(
        [workspace.root / "portcullis", *arguments],
        cwd=cwd or workspace.root,
        env={
            **BARE,
            "HOME": str(workspace.home),
            "PORTCULLIS_HOME": str(workspace.home),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def change_code(workspace: Workspace) -> None:
    """Change a stage's code, as an edit or an update does; what it computes stays the same."""
    path = workspace.root / "tasks" / "stages" / "fairness" / "stage.py"
    path.write_text(path.read_text() + "# changed\n")


# What cannot hide one another's faults shares a release: each takes half a minute.
ENVIRONMENTS: dict[str, Any] = {
    "nothing set": {},
    "variables that steer Python, and a proxy for the rest of the world": {
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": NOWHERE,
        "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"), NOWHERE),
    },
    "no bytecode, a terminal that knows ASCII only, and a git hook": {
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "POSIX",
        "PYTHONIOENCODING": "ascii",
        "GIT_DIR": "/nonexistent/.git",
        "GIT_WORK_TREE": "/nonexistent",
        "GIT_INDEX_FILE": "/nonexistent/i",
    },
    "an account without a shell, a screen or a home": {
        "SHELL": "/usr/sbin/nologin",
        "MPLBACKEND": "TkAgg",
        "HOME": "/nonexistent",
        "COLUMNS": "20",
        "TZ": "Pacific/Kiritimati",
    },
}


@pytest.mark.parametrize("case", ENVIRONMENTS)
def test_a_release_after_a_change_of_code_registers(place: Workspace, case: str) -> None:
    change_code(place)
    # The fault that no machine got past: Python wrote its bytecode while a stage ran.
    if is_without_bytecode := not ENVIRONMENTS[case]:
        for cache in place.root.joinpath("tasks").rglob("__pycache__"):
            shutil.rmtree(cache)
    done = launch(place, "release", CASE, **ENVIRONMENTS[case])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "REGISTERED" in done.stdout
    assert "Traceback" not in done.stderr
    if is_without_bytecode:
        assert list(place.root.joinpath("tasks").rglob("*.pyc"))


def test_a_release_with_nothing_changed_registers_again(place: Workspace) -> None:
    done = launch(place, "release", CASE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "REGISTERED" in done.stdout
    # Told of without Prefect, whose own runs `tests/flows/cli/test_schedules.py` sees unchanged.
    assert "nothing has changed since it was released" in done.stderr
    assert "Task run" not in done.stderr + done.stdout


def test_with_its_streams_closed_a_umask_that_shuts_others_out_and_a_long_temporary_folder(
    place: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    change_code(place)
    command = f"umask 077; exec ./portcullis release {CASE} <&- >&- 2>&-"
    environment = {
        **BARE,
        "HOME": str(place.home),
        "PORTCULLIS_HOME": str(place.home),
        "TMPDIR": str(folder),
    }
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=place.root, env=environment, check=False, timeout=300
    )
    assert done.returncode == 0


def test_dvc_repro_takes_the_same_path_in_a_bare_environment(place: Workspace) -> None:
    change_code(place)
    environment = {
        **BARE,
        "PATH": f"{place.root / '.venv' / 'bin'}:{BARE['PATH']}",
        "HOME": str(place.home),
        "PORTCULLIS_HOME": str(place.home),
    }
    command = ["dvc", "repro", f"register@{CASE}"]
    for _ in range(2):
        done = subprocess.run(
            command,
            cwd=place.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_api_that_is_not_there_is_told_before_the_work(place: Workspace) -> None:
    done = launch(place, "release", CASE, PREFECT_API_URL=f"{NOWHERE}/api")
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"portcullis: Prefect's API {NOWHERE}/api: "
        "expected an answer; found ConnectionRefusedError."
    )


def test_a_relative_home_is_relative_to_where_the_caller_stands(
    place: Workspace, tmp_path: Path
) -> None:
    done = launch(place, "requests", cwd=tmp_path, PORTCULLIS_HOME="mine")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "mine").is_dir()
    assert not (place.root / "mine").exists()


def test_a_reader_who_goes_away_gets_no_traceback(place: Workspace) -> None:
    environment = {**BARE, "HOME": str(place.home), "PORTCULLIS_HOME": str(place.home)}
    command = ["bash", "-c", "./portcullis --help | true"]
    done = subprocess.run(
        command, cwd=place.root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


def test_a_checkout_that_was_moved_registers_where_it_is_now(
    place: Workspace, tmp_path: Path
) -> None:
    moved = Workspace(tmp_path / "moved" / "checkout", tmp_path / "moved" / "home")
    shutil.copytree(place.root, moved.root, symlinks=True)
    shutil.copytree(place.home, moved.home)
    moved.configure(train__rounds=23)
    done = launch(moved, "release", CASE)
    assert done.returncode == 0, done.stdout + done.stderr
    script = (
        f"{HERE} import mlflow; from tasks.registry.client import registry_uri;"
        "mlflow.set_tracking_uri(registry_uri(here));"
        f"print(mlflow.MlflowClient().get_model_version_by_alias('{CASE}', 'candidate').source)"
    )
    source = moved.run(sys.executable, "-c", script).stdout
    assert moved.home.as_uri() in source
    assert place.home.as_uri() not in source
