"""A client's end: ask the worker for one release, and show what it says.

Nothing here is trusted by anybody. What the worker sends for people to look at is kept in a folder
of the caller's own, laid out like the worker's `data/`.
"""

import base64
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.errors import ServiceError
from tasks.path import DOSSIER, STAGES
from tasks.pipeline.runner import StageResult
from tasks.service.protocol import MOST_ANSWER_BYTES, Conversation


class WorkerClient:
    """A release that the worker runs for this process. Stages of several threads take turns."""

    def __init__(self, conversation: Conversation, case: str, shown: Path) -> None:
        self.case = case
        self.shown = shown
        self._conversation = conversation
        self._turn = threading.Lock()

    def reproduce(self, stage: str, on_line: Callable[[str], None]) -> StageResult:
        """Have the worker run a stage, and everything before it where that opens the registry.

        Raises:
            RefusedError: A gate is shut.
            RemoteError: The stage could not do its work.
            ServiceError: The worker has gone.
        """
        answer = self.ask(on_line, do="stage", stage=stage)

        # Copies for people to look at: what counts lies with the worker, and is signed there. What
        # an earlier release left would be shown as this one's, where the worker leaves a file out.
        folder = self.shown / "data" / self.case / stage
        shutil.rmtree(folder, ignore_errors=True)
        keep_files(answer.get("files"), folder)
        return StageResult(
            stage,
            bool(answer.get("changed")),
            answer.get("seconds"),
            answer.get("peak_mib"),
            cpu_seconds=answer.get("cpu_seconds"),
            rows=answer.get("rows"),
        )

    def renew_dossier(self, *, is_registered: bool, is_failed: bool) -> str:
        """Have the worker write the dossier of the release, where it has to be, and keep a copy.

        Returns:
            Why there is none; empty where there is.
        """
        answer = self.ask(lambda _: None, do="dossier", registered=is_registered, failed=is_failed)

        # Pages of an earlier release are no part of this one's.
        folder = self.shown / "data" / self.case / DOSSIER
        shutil.rmtree(folder, ignore_errors=True)
        keep_files(answer.get("files"), folder)

        return str(answer.get("problem", ""))

    def ask(self, on_line: Callable[[str], None], **request: Any) -> dict[str, Any]:
        """Ask for anything else that `tasks.service.session` knows."""
        with self._turn:
            return self._conversation.ask(on_line, **request)


@contextmanager
def open_worker(
    path: Path, case: str, commit: str, shown: Path, on_line: Callable[[str], None]
) -> Iterator[WorkerClient]:
    """Begin a release of a commit with the worker behind a socket.

    Args:
        path: The worker's socket.
        case: A use case.
        commit: A whole commit id.
        shown: The folder for what the worker sends.
        on_line: Is called with each line for people.

    Raises:
        ServiceError: Nobody answers there.
        RemoteError: The commit or use case may not be released.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(path))
        except OSError as error:
            raise ServiceError(
                str(path),
                expected="the worker's socket",
                found=type(error).__name__,
                remedy="Start the service, or have its administrator make you a member of its "
                "clients' group.",
            ) from error

        conversation = Conversation(connection, MOST_ANSWER_BYTES)
        conversation.ask(on_line, do="begin", case=case, commit=commit)
        yield WorkerClient(conversation, case, shown)


def keep_files(files: Any, folder: Path) -> None:
    """Write what the worker sent for people to look at; names that lead elsewhere are left out."""
    # The folder comes from what was asked for, and is held to names of ours all the same: a stage's
    # name is a word of the caller.
    if not isinstance(files, dict) or folder.name not in (*STAGES, DOSSIER):
        return

    for name, text in files.items():
        # Whoever answers at the socket writes as this person: nothing outside of the folder.
        parts = PurePosixPath(str(name)).parts
        if not parts or ".." in parts or parts[0] == "/":
            continue

        path = folder.joinpath(*parts)
        # No base64 or no ASCII, or no name; or a name that is a folder of another's, or below one.
        with suppress(ValueError, FileExistsError, NotADirectoryError, IsADirectoryError):
            content = base64.b64decode(str(text), validate=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
