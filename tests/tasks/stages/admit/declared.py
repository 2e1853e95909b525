"""What every source declares, for the tests of this room."""

from pathlib import Path
from typing import Any

from tasks.config.sources import FileSource

DECLARED = {
    "owner": "Example Bank",
    "role": "controller",
    "legal_basis": "contract",
    "agreement": "A",
    "expires": "2031-12-31",
}


def file_source(path: Path | str, **more: Any) -> FileSource:
    return FileSource(kind="file", path=str(path), format="csv", **DECLARED, **more)
