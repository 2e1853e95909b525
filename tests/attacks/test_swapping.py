"""Files that are exchanged for lax ones, and back, more than a thousand times during a release.

`git diff` is empty afterwards. A release by honest files that fails must not be registered, and one
that passes is registered with evidence that verifies, or refused in one line.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attacks.attempts import Kind, Mode, attempt
from tests.flows.workspace import CASE, Workspace, make_released, released_in
from tests.made_once import made_once

pytestmark = pytest.mark.integration
LEAST_SWAPS = 1000
REGISTER = f"register@{CASE}"
DEADLINE_SECONDS = 60
PASSING_AUC = 0.61
FAILING_AUC = 0.999


@pytest.fixture(scope="session")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with one honest release, the same as that of the flows' tests."""
    return released_in(made_once(tmp_path_factory, "released", make_released))


def prepared(registered: Workspace, folder: Path, auc: float) -> Workspace:
    """Return a copy whose limit of quality is another one, committed: `train` runs again."""
    workspace = registered.copy(folder)
    workspace.configure(limits__train__auc=auc)
    person = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    workspace.run("git", *person, "commit", "-qam", "another limit")
    return workspace


@contextmanager
def attacked(workspace: Workspace, folder: Path, *, has_data: bool) -> Iterator[Path]:
    """Exchange files while the block runs; yields the file that then holds how often."""
    count = folder / "swaps"
    program = str(Path(__file__).with_name("swapper.py"))
    arguments = [str(workspace.root), CASE, str(int(has_data)), str(count)]
    with subprocess.Popen([sys.executable, program, *arguments]) as attacker:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not count.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            yield count
        finally:
            attacker.terminate()
            assert attacker.wait(DEADLINE_SECONDS) == 0


def release(workspace: Workspace, folder: Path, *, has_data: bool) -> tuple[int, str]:
    """Release under attack, until it was attacked often enough; return exit code and output."""
    swaps = 0
    output = ""
    code = 1
    while swaps < LEAST_SWAPS:
        with attacked(workspace, folder, has_data=has_data) as count:
            done = workspace.dvc("repro", REGISTER, check=False)
        swaps += int(count.read_text())
        count.unlink()
        code = done.returncode
        output += done.stdout + done.stderr
        if code == 0:
            break
    sys.stdout.write(f"{swaps:,} exchanges, exit {code}\n")
    assert swaps >= LEAST_SWAPS
    return code, output


def require_nothing_half_written(workspace: Workspace, output: str) -> None:
    assert "Traceback" not in output
    assert list((workspace.root / "data").glob(".*run-*")) == []
    assert list((workspace.root / "data" / CASE).glob("*/.draft-*")) == []
    assert workspace.run("git", "status", "--porcelain", "configs", "tasks").stdout == ""


@attempt(
    Kind.SETTINGS,
    Mode.LOCAL,
    "files exchanged for lax ones a thousand times while a model is judged that fails",
    stopped_by="every byte is read once, and what is signed is what was read",
    cases=("configuration", "configuration and data"),
)
@pytest.mark.parametrize("has_data", [False, True], ids=["configuration", "and data"])
def test_a_model_that_fails_is_not_registered(
    registered: Workspace, tmp_path: Path, has_data: bool
) -> None:
    workspace = prepared(registered, tmp_path, FAILING_AUC)
    code, output = release(workspace, tmp_path, has_data=has_data)
    assert code != 0
    assert workspace.versions() == ["1"]
    require_nothing_half_written(workspace, output)


@attempt(
    Kind.SETTINGS,
    Mode.LOCAL,
    "files exchanged a thousand times while an honest model is judged",
    stopped_by="evidence verifies against the honest bytes, or nothing is signed",
    cases=("configuration", "configuration and data"),
)
@pytest.mark.parametrize("has_data", [False, True], ids=["configuration", "and data"])
def test_a_model_that_passes_is_registered_with_evidence_that_verifies_or_refused_in_one_line(
    registered: Workspace, tmp_path: Path, has_data: bool
) -> None:
    workspace = prepared(registered, tmp_path, PASSING_AUC)
    code, output = release(workspace, tmp_path, has_data=has_data)
    require_nothing_half_written(workspace, output)
    if code == 0:
        verified = workspace.run(sys.executable, "-m", "flows", "verify", CASE)
        assert "cleared for registration" in verified.stdout
    else:
        # By the worker, or by `register`, which DVC tells what was exchanged when it looked.
        reasons = ("; found ", "is not what lies here")
        assert [line for line in output.splitlines() if any(part in line for part in reasons)], (
            output
        )
