"""`./portcullis release <use case>`: run the flow, attend it, with Prefect's API if need be."""

import os
import signal
import sys
from pathlib import Path
from uuid import uuid4

import typer

from flows.cli.base.answering import print_json
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, UseCase
from tasks.config.cases import load_case
from tasks.errors import ConfigError
from tasks.path import PATH
from tasks.settings import Settings
from tasks.system.installation import Installation

EXAMPLES = """\
A use case from its sources to a registered model:
  ./portcullis release loan
  ./portcullis release loan --json | jq .outcome

Exit codes: 0 registered; 2 you can mend it; 3 blocked by a gate;
4 a service did not answer; 130 interrupted, and nothing is half-done.
"""
app = new_app()


@declare(app, examples=EXAMPLES, reports_progress=True)
def main(context: typer.Context, use_case: UseCase, *, is_json: Json = False) -> int:
    """Run the release.

    Returns:
        0 registered, 2 a person can mend it, 3 blocked, 4 a service did not answer, or 128 and the
        number of the signal that ended it.
    """
    installation = installation_of(context)
    # Both are checked before Prefect's start-up, which takes longer than noticing a mistyped name.
    load_case(use_case, installation.workspace)
    if not installation.settings.worker_socket:
        check_workspace(installation.workspace)
        check_dvc_folder(installation.settings)

    from flows.serving.attending import require_tracking_server

    # In enforced mode the registry is the worker's business, and its credentials are out of reach.
    if not installation.settings.worker_socket:
        require_tracking_server(installation.settings)

    code = _release_unchanged(use_case, installation, is_json=is_json)
    if code is None:
        code = _release(use_case, installation, is_json=is_json)
    if code > 128:
        print(
            f"portcullis: ended by {signal.Signals(code - 128).name}; nothing is half-done, "
            "and the same command goes on where it stopped",
            file=sys.stderr,
        )
        if is_json:
            print_json({"error": {"kind": "interrupted", "exitCode": code}})
    return code


def _release_unchanged(case: str, installation: Installation, *, is_json: bool) -> int | None:
    """Return the exit code of a release in which nothing has changed, or was interrupted meanwhile.

    None where the whole path has to run. Where a Prefect API is configured, its runs are looked at
    there, so that there is one of every release.
    """
    from flows.serving.attending import attend_command, find_configured_url

    # What runs at a worker's service does not lie here. Without a receipt there is nothing to look
    # at: most first releases are spared the look.
    settings = installation.settings
    last = installation.workspace / "data" / case / PATH[-1].name
    is_released = all((last / name).is_file() for name in PATH[-1].writes)
    if settings.worker_socket or find_configured_url(settings) or not is_released:
        return None

    module = [sys.executable, "-m", "flows.cli.unchanged_release"]
    form = ["json"] if is_json else []
    code = attend_command([*module, case, str(os.getpid()), *form])
    # Whatever else came of the look, its own faults included, the whole path runs and says what it
    # finds (ADR 80).
    return code if code == 0 or code > 128 else None


def _release(case: str, installation: Installation, *, is_json: bool) -> int:
    """Run the flow; return its exit code."""
    from flows.serving.attending import attend_command, crash_unfinished_runs, open_api

    module = [sys.executable, "-m", "flows.cli.attended_release"]
    tag = f"command-{uuid4()}"  # by which this command finds its run among others
    form = ["json"] if is_json else []
    command = [*module, case, str(os.getpid()), tag, *form]
    with open_api(installation.settings) as api:
        code = attend_command(command, api)
        if code > 128:
            crash_unfinished_runs(api.url, tag)
    return code


def check_workspace(workspace: Path) -> None:
    """Refuse a checkout that results cannot be written to, before the work and not after it.

    Raises:
        ConfigError: The checkout is somebody else's, and may not be written to.
    """
    # By the kernel's answer, and not by modes: an access list or a read-only file system decides,
    # too.
    for folder in (workspace, workspace / "data", workspace / ".dvc"):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(
                str(folder.absolute()),
                expected="a folder that you may write to: "
                "a release writes data/, .dvc/ and dvc.lock",
                found="one that you may not",
                remedy="Clone the project into a folder of your own, "
                "or ask its owner for write access.",
            )


def check_dvc_folder(settings: Settings) -> None:
    """Refuse a place for DVC's own notes that another installation's shell has left behind.

    Raises:
        ConfigError: DVC_SITE_CACHE_DIR names a folder that cannot be made or written to.
    """
    name = settings.others.get("DVC_SITE_CACHE_DIR")
    if not name:
        return

    try:
        Path(name).mkdir(parents=True, exist_ok=True)
        is_usable = os.access(name, os.W_OK | os.X_OK)
    except OSError:
        is_usable = False

    if not is_usable:
        raise ConfigError(
            "$DVC_SITE_CACHE_DIR",
            expected="a folder that you may write to",
            found="one that you may not, or none that can be made",
            remedy="Unset it, or name another.",
        )
