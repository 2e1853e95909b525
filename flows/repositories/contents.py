"""What a repository of one's own is made of, and where this process's code has it.

A checkout has all of it at its top. An installed package has `flows` and `tasks` below
`portcullis/code`, and the rest below `portcullis/repository`.
"""

from collections.abc import Iterator
from pathlib import Path

# Of the code that runs, not of the current folder: what is laid out is this version's.
CODE = Path(__file__).resolve().parents[2]
INSTALLED = CODE.parent / "repository"

# Files that belong to Portcullis: every upgrade replaces them, and nobody edits them.
MANAGED = (
    ".dvc/plots.html",
    ".dvcignore",
    "LICENSE-portcullis",
    "configs/build.lock",
    "configs/careful.lock",
    "configs/installer.lock",
    "configs/languages.lock",
    "configs/models.lock",
    "configs/platforms.json",
    "configs/print.lock",
    "data/.gitignore",
    "flows",
    "portcullis",
    "requirements.lock",
    "tasks",
)
# Files that a repository begins with and that its owner may change; an upgrade replaces only those
# that nobody has changed. prefect.yaml is not among them: `sync` changes it.
STARTED = (
    ".dvc/.gitignore",
    ".dockerignore",
    ".dvc/config",
    ".gitattributes",
    ".gitignore",
    "configs/governance",
    "configs/policy",
    "configs/recognisers",
    "configs/records",
    "configs/supply-chain.yaml",
    "deploy",
)
EXAMPLE = "configs/claims"
PREFECT = "prefect.yaml"

# Files that have another name, or are at another place, where they come from.
# The owner's own LICENSE is about their use cases.
RENAMED = {"LICENSE-portcullis": "LICENSE"}
OWN_SCRIPT = "flows/installed.py"  # in a wheel it is the package's own `__init__.py`
EXECUTABLE = frozenset(
    {"deploy/container/with-secrets", "deploy/systemd/accounts.sh", "portcullis"}
)
LEFT_OUT = ("__pycache__",)  # bytecode, which Python makes anew


def managed_files() -> dict[str, Path]:
    """Return where each file lies that a repository manages, by its path there."""
    files = _files(MANAGED)
    if CODE.name == "code":
        files[OWN_SCRIPT] = CODE.parent / "__init__.py"
    return dict(sorted(files.items()))


def started_files() -> dict[str, Path]:
    """Return where each file lies that a repository begins with, by its path there."""
    own = Path(__file__).parent / "started"
    return _files(STARTED) | {
        ".github/workflows/portcullis.yml": own / "workflow.yml",
        "README.md": own / "README.md",
    }


def example_files() -> dict[str, Path]:
    """Return where each file of the shipped example lies, by its path in a repository."""
    return _files((EXAMPLE,))


def prefect_file() -> Path:
    """Return where Prefect's file of deployments lies; `sync` writes the releases in it."""
    return _source(PREFECT)


def _files(names: tuple[str, ...]) -> dict[str, Path]:
    return {path: file for name in names for path, file in _files_below(name)}


def _files_below(name: str) -> Iterator[tuple[str, Path]]:
    source = _source(RENAMED.get(name, name))
    if source.is_file():
        yield name, source
        return
    # Sorted: the same version writes the same manifest, whatever the file system's order.
    for file in sorted(source.rglob("*")):
        inside = file.relative_to(source)
        if file.is_file() and not any(part in LEFT_OUT for part in inside.parts):
            yield f"{name}/{inside.as_posix()}", file


def _source(name: str) -> Path:
    """Return where a file or folder lies: beside the code, or in the package's other folder."""
    is_code = name.partition("/")[0] in ("flows", "tasks")
    top = INSTALLED if CODE.name == "code" and not is_code else CODE
    return top / name
