"""Run one stage through DVC, in this process: the same path, lock file and skips as `dvc repro`.

This module, `lock_file`, `parsed_files` and `one_look` alone import DVC. They rely on what was
measured with DVC 3.67:

- `single_item` runs just the stage named and never checks that its inputs are fresh.
- The repository must be the current folder.
- DVC's lock is free while a stage's command runs, so that independent stages may run at once.
"""

import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import PortcullisError, RefusedError
from tasks.path import STAGES
from tasks.pipeline.listener import LineSink, StageMessages, listen_to_stage
from tasks.pipeline.lock_file import LOCK_FILE, install_fast_lock_file, modify_lock_file
from tasks.pipeline.one_look import digesting_once
from tasks.pipeline.parsed_files import install_parsed_files
from tasks.plain_text import one_line


class StageError(PortcullisError):
    """A stage could not do its work; no gate refused it. Carries its message and its exit code."""

    def __init__(self, where: str, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        # The stage's message says what was expected already, so PortcullisError's form is left out.
        Exception.__init__(self, one_line(f"{where}: {message}"))


@dataclass(frozen=True)
class StageResult:
    """How a stage ended that was neither refused nor failed.

    What it cost is what its own process says: for people, and no evidence. None is "not measured":
    no process ran, or it said nothing. `made_seconds` is what the worker signed.
    """

    stage: str
    changed: bool  # False: nothing changed, DVC left it alone
    seconds: float | None
    peak_mib: float | None  # of the largest process
    cpu_seconds: float | None = None
    rows: int | None = None
    made_seconds: int | None = None  # of one that did not run: what the run that made it took


def reproduce(
    stage: str, case: str, *, with_upstream: bool = False, on_line: LineSink
) -> StageResult:
    """Run `stage` for `case` if anything it depends on has changed.

    Args:
        stage: A stage of the data path.
        case: A use case.
        with_upstream: Also run what stands before it, where stale. `register` must: a stage by
            itself never checks that its inputs are fresh.
        on_line: Is called with each line that the stage reports, from another thread.

    Raises:
        RefusedError: A gate is shut; its lines say why.
        StageError: The stage could not do its work; message and exit code are the stage's own.
    """
    from dvc.exceptions import DvcException

    target = f"{stage}@{case}"
    with listen_to_stage(on_line) as messages, open_repo() as repo:
        try:
            stages_run = repo.reproduce(
                targets=[target],
                single_item=not with_upstream,
                run_env={**_path_of_this_python(), **messages.environment},
            )
        except DvcException as error:
            raise _describe_failure(error, stage, case, messages) from error

    changed = any(stage_run.addressing == target for stage_run in stages_run)
    return StageResult(
        stage,
        changed,
        messages.seconds,
        messages.peak_mib,
        cpu_seconds=messages.cpu_seconds,
        rows=messages.rows,
    )


def order_lock_entries(stages: tuple[str, ...], case: str) -> None:
    """Put the lock file's entries of stages that ran at once into the order of `dvc repro`.

    DVC appends an entry when its stage ends; of two that run at once, either may be first.

    Args:
        stages: The stages that ran at once, in the order in which `dvc repro` would run them.
        case: A use case.
    """
    from dvc.utils.serialize import load_yaml

    path = Path(LOCK_FILE)
    ordered = [f"{stage}@{case}" for stage in stages]
    with open_repo() as repo, repo.lock:
        entries = load_yaml(str(path)).get("stages", {}) if path.is_file() else {}
        present = [name for name in ordered if name in entries]
        written = [name for name in entries if name in ordered]
        if written == present:
            return

        # Only these entries change places with each other; those of other stages stay.
        with modify_lock_file(str(path)) as lock:
            in_order = iter(present)
            names = [next(in_order) if name in written else name for name in lock["stages"]]
            for name in names:
                lock["stages"][name] = lock["stages"].pop(name)


def list_stale(stage: str, case: str) -> tuple[str, ...]:
    """Return a line for each stage that is stale, among `stage` and everything before it.

    Some stages run every time by design ("always changed"), which is no staleness; of any other
    it is.
    """
    with open_repo() as repo, digesting_once():
        status: dict[str, list[Any]] = repo.status(targets=[f"{stage}@{case}"], with_deps=True)

    lines: list[str] = []
    for name, changes in sorted(status.items()):
        known = STAGES.get(name.partition("@")[0])
        is_always_run = known is not None and known.is_always_run
        real_changes = [
            change for change in changes if not (is_always_run and change == "always changed")
        ]
        lines += [f"{name}: {_describe_change(change)}" for change in real_changes]
    return tuple(lines)


def _path_of_this_python() -> dict[str, str]:
    """Return the PATH on which `python`, which `dvc.yaml` starts, is the one that runs this.

    A virtual environment need not be activated to run a program of it by its path.
    """
    folder = Path(sys.executable).parent
    return {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _describe_change(change: Any) -> str:
    if isinstance(change, dict):
        return "; ".join(
            f"{kind} {', '.join(sorted(paths))}" for kind, paths in sorted(change.items())
        )
    return str(change)


def open_repo() -> Any:
    """Open the DVC repository of the current folder; a lock that others hold is waited for."""
    from dvc.repo import Repo

    install_fast_lock_file()
    install_parsed_files()
    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    # By default DVC keeps what it knows of files in /var/tmp/dvc, which all users may write to.
    os.environ.setdefault("DVC_SITE_CACHE_DIR", str(Path(".dvc", "tmp", "site").absolute()))
    logging.getLogger("dvc").setLevel(logging.WARNING)

    # Outside git (a tarball, say) DVC refuses unless it is told that there is none.
    config = None if Path(".git").exists() else {"core": {"no_scm": True}}
    repo = Repo(config=config, _wait_for_lock=True)
    if config is None:
        repo.scm_context.quiet = True  # no hint about `git add` after every stage
    _remove_torn_rwlock(repo)
    return repo


def _remove_torn_rwlock(repo: Any) -> None:
    """Remove DVC's list of who reads and writes what, where a kill came while DVC was writing it.

    DVC writes it in place (`dvc/rwlock.py`, `_edit_rwlock`, in 3.67), and would refuse to do
    anything ever after: "JSON structure is corrupted". Who was on the list is lost either way, and
    whoever was killed no longer reads or writes.
    """
    from dvc.lock import make_lock

    path = Path(repo.tmp_dir) / "rwlock"
    if not _is_torn(path):
        return

    guard = make_lock(
        str(path.with_name("rwlock.lock")),
        tmp_dir=repo.tmp_dir,
        hardlink_lock=repo.config["core"]["hardlink_lock"],
    )
    with guard:
        # Whoever held the guard may have been in the middle of writing a moment ago.
        if _is_torn(path):
            path.unlink()


def _is_torn(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return False


def _describe_failure(
    error: Exception, stage: str, case: str, messages: StageMessages
) -> PortcullisError:
    """Return why a stage did not end well: its own refusals first, its own failure, else DVC's."""
    where = f"stage {stage}@{case}"
    if messages.refusals:
        return RefusedError(
            where, messages.refusals, remedy="See the reports; mend what failed, never the limit."
        )
    if messages.failure:
        exit_code = messages.exit_code or PortcullisError.exit_code
        return StageError(where, messages.failure, exit_code)

    # The stage reported nothing: it was killed, or DVC never started it.
    causes = [str(error)]
    cause = error.__cause__
    while cause:
        causes.append(str(cause))
        cause = cause.__cause__
    reason = " <- ".join(causes)
    return StageError(
        where,
        f"DVC could not run it ({reason}). Run `dvc repro -v` to see more.",
        PortcullisError.exit_code,
    )
