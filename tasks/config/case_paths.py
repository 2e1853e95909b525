"""Where a use case lies in `configs/`.

Standard library only: the worker of every stage imports it, and starts faster without pydantic.
"""

from pathlib import Path

CONFIGS = Path("configs")
INDEX = CONFIGS / "index.yaml"
CASE = "case.yaml"
RESOLVED = "resolved.yaml"

NO_CHAMPION = "none yet"  # a statement that a person makes: a champion left out is an error

# Fields that name a file, by section and field, with the name that the file has by custom. A case
# that has a file of that name and does not name it is refused: nobody would read the file, and
# somebody may believe that it is in force.
FILE_FIELDS = {
    "validate.suite": "suite.yaml",
    "validate.reference": "references/profile.json",
    "explain.reasons": "reasons.yaml",
    "train.champion": "champion.json",
}


def case_path(name: str) -> Path:
    """Return the file that people write, relative to the checkout."""
    return CONFIGS / name / CASE


def resolved_path(name: str) -> Path:
    """Return the file that `sync` writes and stages read, relative to the checkout."""
    return CONFIGS / name / RESOLVED


def case_names_in(workspace: Path) -> tuple[str, ...]:
    """Return the use cases that lie in `configs/`, sorted: the folders that hold a `case.yaml`."""
    return tuple(sorted(path.parent.name for path in (workspace / CONFIGS).glob(f"*/{CASE}")))
