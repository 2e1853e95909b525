"""Start Python as it would be in an environment that has a model's requirements, and nothing else.

`python -I tests/alone.py REQUIREMENTS SCRIPT …` runs a script in this interpreter, where only
distributions can be imported that installing the requirements would bring, and nothing of a
checkout. It takes no network and a moment; `tests/tasks/registry/test_packing.py` also makes a
real environment. Started by `run_alone`, imports nothing of the house.
"""

import json
import os
import re
import runpy
import subprocess
import sys
from importlib import metadata
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

HERE = Path(__file__)
VARIABLES_TO_KEEP = ("PATH", "LANG", "TMPDIR")
HOUSE = ("tasks", "flows", "tests", "portcullis")


def run_alone(requirements: Path, script: str, *arguments: str, home: Path) -> Any:
    """Run a script alone, in an empty folder; return the JSON that is the last line it prints."""
    started = (sys.executable, "-I", str(HERE), str(requirements), script, *arguments)
    return run_outside(started, home)


def write_rows(columns: list[str], rows: list[list[Any]], path: Path) -> Path:
    """Write rows for `served.py`, every bit of a float kept; return the path."""
    path.write_text(json.dumps({"columns": columns, "data": rows}), encoding="utf-8")
    return path


def run_outside(command: tuple[str, ...], home: Path) -> Any:
    """Run a command outside of any checkout; return the JSON that is the last line it prints."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {name: os.environ[name] for name in VARIABLES_TO_KEEP if name in os.environ}
    done = subprocess.run(
        command,
        cwd=home,
        env={**environment, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(
            f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])


class NotInstalled(MetaPathFinder):
    """Says of some modules that they are not there, whatever is."""

    def __init__(self, absent: set[str]) -> None:
        self.absent = absent

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - Python's signature
        """Refuse a module that would not be there; leave all others to Python."""
        if fullname.partition(".")[0] in self.absent:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def not_required(lines: list[str]) -> set[str]:
    """Return the top-level modules of all that is installed beyond the requirements and theirs."""
    from packaging.requirements import Requirement

    waiting = [Requirement(line) for line in lines if line.strip()]
    seen: set[tuple[str, str]] = set()
    names: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            names.add(name)
            for line in metadata.requires(name) or []:
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    waiting.append(needed)

    return {
        module
        for module, owners in metadata.packages_distributions().items()
        if not names & {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners}
    }


def main(requirements: str, script: str, *arguments: str) -> None:
    """Shut everything else out, then run the script."""
    lines = Path(requirements).read_text(encoding="utf-8").splitlines()
    absent = {*not_required(lines), *HOUSE}
    for name in list(sys.modules):  # what this very script has imported
        if name.partition(".")[0] in absent:
            del sys.modules[name]

    checkout = HERE.resolve().parents[1]
    sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != checkout]
    sys.meta_path.insert(0, NotInstalled(absent))
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
