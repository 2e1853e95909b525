"""Where an installation keeps what witnesses and time-stamping authorities return."""

import urllib.error
import urllib.request
from pathlib import Path

from tasks.errors import ServiceError
from tasks.formats.whole_file import write_whole

# A cosignature has a few hundred bytes, a stamp with its certificates a few thousand. What is
# longer is no answer, and whoever sends it must not fill our memory.
MOST_ANSWER_BYTES = 1 << 20


def anchors_folder(home: Path) -> Path:
    """Return `anchors/` of an installation, made on first use; its files are named by log size."""
    folder = home / "anchors"
    # For this account alone: a file in it says that an anchor holds, and readers look at what lies
    # there.
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def service_down(where: str, found: str) -> ServiceError:
    """Return the error about an anchor that does not answer."""
    return ServiceError(
        where, expected="an answer", found=found, remedy="The log itself is whole; anchor it again."
    )


def keep_anchor(path: Path, data: bytes) -> None:
    """Write what came back, whole and on the disk, or nothing.

    A file that is there is not asked for again: half of one would stand in its place for ever.
    """
    write_whole(path, data)


def post(request: urllib.request.Request, *, timeout: float) -> tuple[int, bytes]:
    """Post a request; return the status and the body of its answer, whatever the status.

    Raises:
        OSError: There is no answer, or it is longer than any that is one.
    """
    try:
        answer = urllib.request.urlopen(request, timeout=timeout)
    # `urlopen` raises for 400 and above. It is an answer all the same: a witness says by 409 what
    # it saw.
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        data: bytes = answer.read(MOST_ANSWER_BYTES + 1)
        status: int = answer.status

    if len(data) > MOST_ANSWER_BYTES:
        raise AnswerTooLongError
    return status, data


class AnswerTooLongError(OSError):
    """An answer of more bytes than any that is one."""
