"""Run one stage through DVC, in this process: the same path, lock file and skips as `dvc repro`.

The only place that imports DVC. What it relies on, measured with DVC 3.67: `single_item` runs just the stage named and
never checks that its inputs are fresh; the repository must be the current folder; its lock is free while a stage's
command runs, so that independent stages may run at once.
"""

import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import PortcullisError, RefusedError
from tasks.pipeline.listener import Hear, Heard, listening


class StageError(PortcullisError):
    """A stage failed: not refused by a gate, but unable to do its work. Carries what it said and its exit code."""

    def __init__(self, where: str, said: str, exit_code: int) -> None:
        self.exit_code = exit_code
        Exception.__init__(self, f"{where}: {said}")


@dataclass(frozen=True)
class StageResult:
    """How a stage ended that was neither refused nor failed."""

    stage: str
    changed: bool  # False: nothing changed, DVC left it alone
    seconds: float | None  # of the stage's own process; None where none ran
    peak_mib: float | None


def reproduce(stage: str, case: str, *, with_upstream: bool = False, hear: Hear) -> StageResult:
    """Run `stage` for `case` if anything it depends on has changed.

    Args:
        stage: A stage of the data path.
        case: A use case.
        with_upstream: Also run what stands before it, where stale. `register` must: a single stage alone never checks
            that its inputs are fresh.
        hear: Is given each line that the stage says.

    Raises:
        RefusedError: A gate is shut; its lines say why.
        StageError: The stage could not do its work; message and exit code are the stage's own.
    """
    from dvc.exceptions import DvcException

    target = f"{stage}@{case}"
    with listening(hear) as heard, open_repo() as repo:
        try:
            ran = repo.reproduce(
                targets=[target],
                single_item=not with_upstream,
                run_env={**_same_python(), **heard.environment},
            )
        except DvcException as error:
            raise _told(error, stage, case, heard) from error
    changed = any(done.addressing == target for done in ran)
    return StageResult(stage, changed, heard.seconds, heard.peak_mib)


def settle(stages: tuple[str, ...], case: str) -> None:
    """Put the lock file's entries of stages that ran at once into the order in which `dvc repro` writes them.

    DVC appends an entry when its stage ends; of two that run at once, either may be first.
    """
    from dvc.utils.serialize import load_yaml, modify_yaml

    names = [f"{stage}@{case}" for stage in stages]
    with open_repo() as repo, repo.lock:
        path = Path("dvc.lock")
        found = (
            [name for name in load_yaml(str(path)).get("stages", {}) if name in names]
            if path.is_file()
            else []
        )
        if found == [name for name in names if name in found]:
            return
        with modify_yaml(str(path)) as data:
            places = [list(data["stages"]).index(name) for name in found]
            entries = {name: data["stages"].pop(name) for name in found}
            for place, name in zip(places, [name for name in names if name in found], strict=True):
                data["stages"].insert(place, name, entries[name])


def stale(stage: str, case: str) -> tuple[str, ...]:
    """Return what differs from the last run among `stage` and everything before it; empty means fresh.

    `admit` runs every time by design ("always changed"), which is no staleness.
    """
    with open_repo() as repo:
        status: dict[str, list[Any]] = repo.status(targets=[f"{stage}@{case}"], with_deps=True)
    found = []
    for name, changes in sorted(status.items()):
        real = [change for change in changes if change != "always changed"]
        found += [f"{name}: {_listed(change)}" for change in real]
    return tuple(found)


def _same_python() -> dict[str, str]:
    """Return the PATH on which a stage's `python` is the one that runs this, however this one was started."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    }


def _listed(change: Any) -> str:
    if isinstance(change, dict):
        return "; ".join(
            f"{kind} {', '.join(sorted(paths))}" for kind, paths in sorted(change.items())
        )
    return str(change)


def open_repo() -> Any:
    """Open the DVC repository of the current folder; a lock that others hold is waited for."""
    from dvc.repo import Repo

    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    # DVC would keep what it remembers about files in /var/tmp/dvc, which every user of a machine may write to.
    os.environ.setdefault("DVC_SITE_CACHE_DIR", str(Path(".dvc", "tmp", "site").absolute()))
    logging.getLogger("dvc").setLevel(logging.WARNING)
    config = None if Path(".git").exists() else {"core": {"no_scm": True}}
    repo = Repo(config=config, _wait_for_lock=True)
    if config is None:
        repo.scm_context.quiet = True
    _remove_torn_rwlock(repo)
    return repo


def _remove_torn_rwlock(repo: Any) -> None:
    """Remove DVC's list of who reads and writes what, where a kill came while DVC was writing it.

    DVC writes it in place (`dvc/rwlock.py`, `_edit_rwlock`, in 3.67), and would refuse to do anything ever after: "JSON
    structure is corrupted". Who was on the list is lost either way, and whoever was killed no longer reads or writes.
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
    with guard:  # who holds it may be writing at this very moment, so look again
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


def _told(error: Exception, stage: str, case: str, heard: Heard) -> PortcullisError:
    where = f"stage {stage}@{case}"
    if heard.refusals:
        return RefusedError(
            where, heard.refusals, remedy="See the reports; mend what failed, never the limit."
        )
    if heard.failure:
        return StageError(where, heard.failure, heard.exit_code or PortcullisError.exit_code)
    causes = [str(error)]
    while error.__cause__:
        error = error.__cause__  # type: ignore[assignment]
        causes.append(str(error))
    said = f"DVC could not run it ({' <- '.join(causes)}). Run `dvc repro -v` to see more."
    return StageError(where, said, PortcullisError.exit_code)
