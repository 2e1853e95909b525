"""Which version of Portcullis this code is, and whether it is that of an installed package."""

import json
from pathlib import Path

# Beside the code in a checkout, and in a repository of one's own; an installed package has neither.
PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
MANIFEST = PROJECT.parent / "configs" / "portcullis.json"


def is_installed() -> bool:
    """Say whether this is the code of an installed package, and not that of a checkout."""
    return not (MANIFEST.is_file() or PROJECT.is_file())


def version() -> str:
    """Return the version of the code that runs."""
    if is_installed():
        from importlib.metadata import version as installed_version

        return installed_version("portcullis")
    # A repository of one's own may have a project file that says nothing about Portcullis.
    if MANIFEST.is_file():
        return str(json.loads(MANIFEST.read_text(encoding="utf-8"))["version"])
    import tomllib  # late: only this reads it

    return str(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"])
