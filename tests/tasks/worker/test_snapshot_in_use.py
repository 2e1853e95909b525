"""That a worker whose modules were exchanged while it started signs for nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.isolated import FLAGS

CHECKOUT = Path(__file__).parents[3]
# Stands in for the worker: some modules were imported when it begins, and one is imported later.
WORKER = """
import sys
from pathlib import Path
import tasks.first
from tasks.code_identity.tree import read_tree
from tasks.errors import EvidenceError
from tasks.worker.snapshot import continue_from

checkout = Path(sys.argv[1])
first = checkout / "tasks" / "first.py"
if sys.argv[2] == "exchanged":
    first.write_text("NAME = 'other'")
tree = read_tree(checkout)
tree.write(checkout.with_name("snapshot"))
try:
    continue_from(checkout.with_name("snapshot"), tree)
except EvidenceError as error:
    print(error)
else:
    (checkout / "tasks" / "room" / "later.py").write_text("NAME = 'lax'")
    import tasks.room.later
    print(tasks.room.later.NAME, Path(tasks.room.later.__file__).parents[2].name)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the rooms that the stand-in imports, and two modules of its own."""
    checkout = tmp_path / "checkout"
    for path in (CHECKOUT / "tasks").rglob("*.py"):
        target = checkout / path.relative_to(CHECKOUT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (checkout / "tasks" / "__main__.py").write_text(WORKER)
    (checkout / "tasks" / "first.py").write_text("NAME = 'honest'")
    (checkout / "tasks" / "room").mkdir()
    (checkout / "tasks" / "room" / "__init__.py").write_text("")
    (checkout / "tasks" / "room" / "later.py").write_text("NAME = 'honest'")
    return checkout


def run(checkout: Path, state: str) -> str:
    program = str(checkout / "tasks" / "isolated.py")
    done = subprocess.run(
        [sys.executable, *FLAGS, program, "tasks", str(checkout), state],
        cwd=checkout,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_what_is_imported_later_comes_from_the_snapshot(checkout: Path) -> None:
    assert run(checkout, "as it was") == "honest snapshot\n"


def test_a_module_that_is_not_the_one_that_was_read_is_refused(checkout: Path) -> None:
    output = run(checkout, "exchanged")
    assert output.startswith("tasks/first.py: expected the code that runs here; found other code")
    assert "Traceback" not in output
