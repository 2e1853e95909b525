"""One client's conversation with the worker: a process of the worker's account, for one release.

Started as `… tasks/isolated.py tasks.service.session <descriptor> <configuration> <uid>` by the
daemon. It checks the commit out, runs stages as DVC does, and signs by the same worker as anywhere.
"""

import base64
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tasks.errors import ConfigError, PortcullisError, RefusedError
from tasks.formats.shown import describe_fault
from tasks.path import PATH, STAGES
from tasks.service.protocol import MOST_REQUEST_BYTES, Conversation
from tasks.service.service_config import ServiceConfig, read_service_config
from tasks.service.workspace import Release, open_release
from tasks.system.processes import hide_from_others

logger = logging.getLogger("portcullis.session")

OPENS_REGISTRY = PATH[-1].name
MOST_PAGE_BYTES = 16 << 20


def main(arguments: list[str]) -> int:
    """Hold the conversation until the client goes away."""
    hide_from_others()
    descriptor, config_path, uid = arguments

    config = read_service_config(Path(config_path))
    connection = socket.socket(fileno=int(descriptor))
    connection.set_inheritable(False)  # of DVC, git and stages
    conversation = Conversation(connection, MOST_REQUEST_BYTES)

    try:
        _converse(conversation, config, int(uid))
    except OSError as error:
        if not conversation.is_broken and not isinstance(error, ConnectionResetError):
            raise
        # What it had asked for last was done to its end: a stage that has begun is signed for or
        # refused like any other. Nothing more is begun.
        logger.info("a client (uid %s) has gone: its release ends here", uid)
        return 1

    return 0


def _converse(conversation: Conversation, config: ServiceConfig, uid: int) -> None:
    """Begin one release, then answer what is asked of it.

    The use case is this client's while it asks; one that says nothing gives it up to others, and
    what it asks for later is done as if it began again.
    """
    limits = config.limits
    with _answering(conversation):
        match _hear(conversation, limits.request_seconds):
            case {"do": "begin", "case": str(case), "commit": str(commit), **more} if not more:
                pass
            case None:
                return
            case _:
                raise _no_request("begin, with a use case and a commit")

        request: dict[str, Any] | None = None
        is_begun = False
        while request is not None or not is_begun:
            line = _line_of(conversation)
            # Opened again after each silence, with everything that is asked at a beginning:
            # meanwhile the ref may have moved, or the commit's signer have been struck off.
            with open_release(case, commit, uid, config, line, conversation.is_open) as release:
                if not is_begun:
                    conversation.say(tell="done", mode="enforced", actor=release.mandate.actor)
                    is_begun = True
                if not _serve(request, release, conversation, limits.idle_seconds):
                    return
            request = _hear(conversation, limits.silent_seconds)


def _serve(
    request: dict[str, Any] | None,
    release: Release,
    conversation: Conversation,
    idle_seconds: float,
) -> bool:
    """Do what a client asks for; return whether it is still there, and has said nothing."""
    while True:
        if request is not None:
            with _answering(conversation):
                conversation.say(tell="done", **_do(request, release, conversation))

        try:
            request = _receive(conversation, idle_seconds)
        except TimeoutError:
            return True

        if request is None:
            return False


def _hear(conversation: Conversation, within_seconds: float) -> dict[str, Any] | None:
    """Return the next request.

    Raises:
        ConfigError: There is none in time, or it is in another form.
    """
    try:
        return _receive(conversation, within_seconds)
    except TimeoutError as error:
        raise ConfigError(
            "request",
            expected=f"within {within_seconds} s",
            found="nothing",
            remedy="Ask again: the session has ended.",
        ) from error


def _receive(conversation: Conversation, within_seconds: float) -> dict[str, Any] | None:
    """Return the next message; None where the client has gone.

    Raises:
        TimeoutError: There is none in time.
        ConfigError: It is in another form.
    """
    try:
        return conversation.hear(within_seconds)
    except ValueError as error:
        raise _no_request("a message in the form of tasks/service/protocol.py") from error


def _do(request: dict[str, Any], release: Release, conversation: Conversation) -> dict[str, Any]:
    """Do what a client asks for, and return the answer."""
    match request:
        case {"do": "stage", "stage": str(stage), **more} if not more and stage in STAGES:
            return _run_stage(stage, release, conversation)

        case {"do": "confirm", **more} if not more:
            return _confirm(release)
        case {"do": "approve", "envelope": str(envelope), **more} if not more:
            return _approve(envelope, release)
        case {"do": "lacks_approval", **more} if not more:
            return _lacks_approval(release)
        case {"do": "attempts", **more} if not more:
            return _attempts(release)

        case {"do": "dossier", "registered": bool(registered), "failed": bool(failed), **more} if (
            not more
        ):
            return _renew_dossier(release, is_registered=registered, is_failed=failed)
        case {"do": "approve_promotion", "envelope": str(envelope), **more} if not more:
            return _approve_promotion(envelope, release)

        case {
            "do": "promote" | "roll_back" as step,
            "alias": str(alias),
            "version": str(version),
            **more,
        } if not more:
            return _take_step(step, alias, version, release)
    raise _no_request("a request that the worker knows")


def _run_stage(stage: str, release: Release, conversation: Conversation) -> dict[str, Any]:
    from tasks.pipeline.runner import reproduce

    result = reproduce(
        stage,
        release.case,
        # The last stage asks DVC for the whole path: from a leftover of an earlier stage nothing
        # may be registered.
        with_upstream=stage == OPENS_REGISTRY,
        on_line=_line_of(conversation),
    )
    return {
        "changed": result.changed,
        "seconds": result.seconds,
        "peak_mib": result.peak_mib,
        "cpu_seconds": result.cpu_seconds,
        "rows": result.rows,
        "files": _files_for_people(stage, release),
    }


def _files_for_people(stage: str, release: Release) -> dict[str, str]:
    """Return what people look at of a stage's outputs, base64: verdict, report and page.

    None of these names a person: pages and plain JSON never do (`tasks.path.Stage.writes`).
    """
    folder = Path("data") / release.case / stage
    names = ("verdict.json", "report.json", "receipt.json", "decision.json")
    pages = sorted(path for path in (folder / "page").rglob("*") if path.is_file())
    paths = [folder / name for name in names if (folder / name).is_file()]

    return _encoded([*paths, *pages], folder)


def _encoded(paths: Sequence[Path], folder: Path) -> dict[str, str]:
    """Return files by their names below a folder, base64, as many as one answer may hold."""
    files: dict[str, str] = {}
    total_bytes = 0
    for path in paths:
        total_bytes += path.stat().st_size
        # What does not fit is left out whole, and smaller files after it may fit: these are copies
        # for people.
        if total_bytes <= MOST_PAGE_BYTES:
            name = path.relative_to(folder).as_posix()
            files[name] = base64.b64encode(path.read_bytes()).decode()
    return files


def _confirm(release: Release) -> dict[str, Any]:
    from tasks.worker.confirming import confirm_registration

    confirmation = confirm_registration(release.case, release.installation)
    accepted = [
        {"person": check.person, "expires": check.expires.isoformat()}
        for check in confirmation.accepted
    ]
    return {
        "model_sha256": confirmation.model_sha256,
        "version": confirmation.version,
        "law_entry": confirmation.law_entry,
        "accepted": accepted,
    }


def _lacks_approval(release: Release) -> dict[str, Any]:
    from tasks.worker.approving import lacks_only_approval, model_here

    model = model_here(release.case, release.installation)
    return {
        "model_sha256": model,
        "lacks_only_approval": lacks_only_approval(release.case, model, release.installation),
    }


def _attempts(release: Release) -> dict[str, Any]:
    from tasks.worker.confirming import note_history_here

    return note_history_here(release.case, release.installation).to_dict()


def _approve(envelope: str, release: Release) -> dict[str, Any]:
    from tasks.worker.approving import model_here, record_consent

    installation = release.installation
    model = model_here(release.case, installation)
    recorded = record_consent(envelope.encode(), release.case, model, installation)
    return {"index": recorded.index, "origin": recorded.origin}


def _renew_dossier(release: Release, *, is_registered: bool, is_failed: bool) -> dict[str, Any]:
    from tasks.dossier.releasing import folder_of_dossier, renew_release_dossier

    case, installation = release.case, release.installation
    problem = renew_release_dossier(
        case, installation, is_registered=is_registered, is_failed=is_failed
    )
    folder = folder_of_dossier(case, installation.workspace)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {"problem": problem, "files": {} if problem else _encoded(paths, folder)}


def _approve_promotion(envelope: str, release: Release) -> dict[str, Any]:
    from tasks.promotion.approving import record_promotion_approval

    recorded = record_promotion_approval(envelope.encode(), release.case, release.installation)
    return {"index": recorded.index, "origin": recorded.origin}


def _take_step(step: str, alias: str, version: str, release: Release) -> dict[str, Any]:
    from tasks.promotion.moving import promote, roll_back

    take = promote if step == "promote" else roll_back
    taken = take(release.case, alias, release.installation, version=version)
    return {"lines": list(taken.lines), "step": taken.to_dict()}


def _line_of(conversation: Conversation) -> Callable[[str], None]:
    """Return what tells the client a line, and nobody where it has gone."""

    def tell(text: str) -> None:
        # From the thread that reads a stage's reports, which has to read on.
        with suppress(OSError):
            conversation.say(tell="line", text=text)

    return tell


@contextmanager
def _answering(conversation: Conversation) -> Iterator[None]:
    """Tell the client why a request could not be done; the conversation goes on."""
    try:
        yield
    except RefusedError as refusal:
        conversation.say(
            tell="refused", refusals=[refused.to_dict() for refused in refusal.refusals]
        )
    except PortcullisError as error:
        conversation.say(tell="failed", message=str(error), exit_code=error.exit_code)
    except (OSError, ValueError) as fault:
        # Of the connection itself: nobody is there to be told. Any other is the worker's own, and
        # its text may quote what it was about: the client is told its class, the log its place.
        if conversation.is_broken:
            raise

        logger.error("worker: %s", describe_fault(fault, is_debug=False))
        conversation.say(
            tell="failed",
            message=f"worker: {type(fault).__name__}; look into the service's log",
            exit_code=1,
        )


def _no_request(expected: str) -> ConfigError:
    return ConfigError(
        "request",
        expected=expected,
        found="something else",
        remedy="Use `./portcullis` of this version.",
    )


if __name__ == "__main__":
    os.umask(0o022)
    logging.basicConfig(level=logging.WARNING, format="portcullis: %(message)s")
    logger.setLevel(logging.INFO)
    sys.exit(main(sys.argv[1:]))
