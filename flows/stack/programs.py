"""Which programs the stack needs, and which of them this machine has."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from flows.stack.postgres import postgres_binaries

OLDEST_NODE = 20
LOCK = "configs/server.lock"
BY_LOCK = f".venv/bin/python -m pip install --no-deps --require-hashes -r {LOCK}"


@dataclass(frozen=True)
class MissingProgram:
    """A program that is not there, and how it is installed."""

    name: str
    installation: str


def missing_programs(layers: frozenset[int], *, has_openbao: bool = False) -> list[MissingProgram]:
    """Return every program that is missing for these layers, so that one look names all."""
    missing = []

    if not has_postgres():
        missing.append(MissingProgram("PostgreSQL", "apt install postgresql"))

    if 1 in layers:
        if node_version() < OLDEST_NODE:
            name = f"Node.js {OLDEST_NODE} or newer"
            missing.append(MissingProgram(name, "apt install nodejs"))
        if shutil.which("npm") is None:
            missing.append(MissingProgram("npm", "apt install npm"))

    if 4 in layers and find_program("weed") is None:
        missing.append(MissingProgram("weed (SeaweedFS)", BY_LOCK))
    if 4 in layers and find_spec("boto3") is None:
        missing.append(MissingProgram("boto3, by which MLflow reads the bucket", BY_LOCK))

    if has_openbao and find_program("bao") is None:
        missing.append(MissingProgram("bao (OpenBao)", BY_LOCK))

    return missing


def find_program(name: str) -> str | None:
    """Return the path of a program: on PATH, or among those of this Python's packages."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def has_postgres() -> bool:
    """Say whether PostgreSQL's server is installed."""
    try:
        postgres_binaries()
    except FileNotFoundError:
        return False
    return True


def node_version() -> int:
    """Return the major version of Node.js; 0 where there is none that answers."""
    program = shutil.which("node")
    if program is None:
        return 0
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.", answer.stdout)
    return int(found[1]) if found else 0
