"""A stage that the launcher runs under another account; the worker's side of that socket."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from tasks.errors import EvidenceError, ServiceError
from tasks.formats.strict_json import parse_json
from tasks.path import STAGES
from tasks.pipeline.channel import CHANNEL_VARIABLE, connect_to
from tasks.worker.run_folder import RunFolder
from tasks.worker.starting import StageReport, read_report

MOST_ANSWER_BYTES = 1 << 16


class LaunchedStage:
    """A running stage of another account.

    `isolation` says after its end how it was kept apart.
    """

    def __init__(self, connection: socket.socket, reports: int) -> None:
        self._connection = connection
        self._reports = reports
        self.isolation: dict[str, str] = {}

    def wait(self) -> int:
        """Wait for its end; return its exit code, or 128 and its signal as a shell does.

        Raises:
            ServiceError: The launcher could not start it, or has gone.
            EvidenceError: It took more than it may, or left what is neither a file of its own nor a
                folder.
        """
        with self._connection:
            # One packet (SEQPACKET): either the whole answer, or nothing where the launcher has
            # gone.
            text = self._connection.recv(MOST_ANSWER_BYTES)
        try:
            answer: dict[str, Any] = parse_json(text)
            code = int(answer["code"])
            self.isolation = {str(name): str(value) for name, value in answer["isolation"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ServiceError(
                "launcher",
                expected="how the stage has ended",
                found="nothing" if not text else "a refusal",
                remedy="Look into the service's log; nothing was signed.",
            ) from error

        # Asked before the exit code counts: a stage that was ended for what it took has one, too.
        if excess := answer.get("excess"):
            raise EvidenceError(
                "stage",
                expected=f"to keep to the worker's limits ({excess})",
                found="more: it was ended",
                remedy="Nothing was signed: let it take less, or ask the worker's administrator.",
            )
        if odd := answer.get("odd"):
            raise EvidenceError(
                f"{odd} of the stage's outputs",
                expected="files in at most 32 folders in each other, which nobody still writes to",
                found="links, files with a second name, open files, or more folders",
                remedy="Nothing was signed: the stage's code has to write plain files.",
            )
        return code

    def read_report(self) -> StageReport:
        """Return what the stage claims."""
        return read_report(self._reports)


def launch_stage(
    launcher: Path, stage: str, case: str, run: RunFolder, snapshot: Path
) -> LaunchedStage:
    """Have the launcher start a stage in a run folder.

    It gets a network only where it reads sources that lie elsewhere.

    Raises:
        ConfigError: The use case's sources are wrong.
        ServiceError: There is no launcher.
    """
    reports, pipe = os.pipe()
    channel = connect_to(os.environ.get(CHANNEL_VARIABLE, ""))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {
        "stage": stage,
        "case": case,
        "snapshot": snapshot.name,
        "network": STAGES[stage].reads_sources and _has_remote_sources(case, snapshot),
    }
    try:
        connection.connect(str(launcher))
        errors = sys.stderr.fileno()
        progress = channel.fileno() if channel else errors
        socket.send_fds(
            connection, [json.dumps(request).encode()], [run.descriptor, pipe, errors, progress]
        )
    except OSError as error:
        connection.close()
        os.close(reports)
        raise ServiceError(
            "launcher",
            expected="a socket that answers",
            found=type(error).__name__,
            remedy="Start the service: it starts the stages.",
        ) from error
    finally:
        os.close(pipe)
        if channel:
            channel.close()

    return LaunchedStage(connection, reports)


def _has_remote_sources(case: str, snapshot: Path) -> bool:
    # Late: it brings pydantic, and of all stages two read sources.
    from tasks.config.cases import section
    from tasks.config.sources import Sources

    return section(case, "sources", Sources, snapshot).is_remote
