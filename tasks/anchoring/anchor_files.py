"""Where an installation keeps what witnesses and time-stamping authorities return."""

from pathlib import Path

from tasks.errors import ServiceError


def anchors_folder(home: Path) -> Path:
    """Return `anchors/` of an installation, made on first use; its files are named by log size."""
    folder = home / "anchors"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def service_down(where: str, found: str) -> ServiceError:
    """Return the error about an anchor that does not answer."""
    return ServiceError(
        where, expected="an answer", found=found, remedy="The log itself is whole; anchor it again."
    )
