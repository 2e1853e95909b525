"""Where a use case lies in `configs/`.

Standard library only: the worker of every stage imports it, and starts faster without pydantic.
"""

from pathlib import Path

from tasks.config.case_name import check_case_name
from tasks.errors import ConfigError

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

# Fields that name a file which use cases share, below this folder: DVC and statements cover it as a
# whole, and nothing outside it.
SHARED_FILES = CONFIGS / "recognisers"
SHARED_FILE_FIELDS = ("redact.recognisers", "redact.small_zip_areas")


def case_path(name: str) -> Path:
    """Return the file that people write, relative to the checkout."""
    return CONFIGS / name / CASE


def resolved_path(name: str) -> Path:
    """Return the file that `sync` writes and stages read, relative to the checkout."""
    return CONFIGS / name / RESOLVED


def case_names_in(workspace: Path) -> tuple[str, ...]:
    """Return the use cases that lie in `configs/`, sorted: the folders that hold a `case.yaml`.

    Raises:
        ConfigError: A folder's name is none of a use case.
    """
    names = sorted(path.parent.name for path in (workspace / CONFIGS).glob(f"*/{CASE}"))
    return tuple(check_case_name(name, f"a folder in {CONFIGS}/ with a {CASE}") for name in names)


def refuse_links(path: Path, workspace: Path) -> None:
    """Refuse a file of a use case that is reached through a link.

    What a link points at may lie outside `configs/`, where no review, digest or commit covers it.

    Args:
        path: A file below the workspace, relative to it.
        workspace: The checkout. It may itself be reached through a link.

    Raises:
        ConfigError: The file, or a folder between it and the workspace, is a link.
    """
    # From the top, so that the message names the link and nothing behind it.
    for length in range(1, len(path.parts) + 1):
        part = "/".join(path.parts[:length])
        # `is_symlink` looks at this name alone; `resolve` and compare would also refuse a workspace
        # that is itself reached through a link.
        if (workspace / part).is_symlink():
            raise ConfigError(
                part,
                expected="a file or folder of the checkout itself",
                found="a link",
                remedy="Put what it points at in its place: a release is signed for what lies in "
                "configs/.",
            )
