"""`dvc.yaml`, derived: the stages of `tasks/path.py`, and the code that each of them imports."""

from collections.abc import Iterable
from pathlib import Path

from tasks.config.case_name import check_case_name
from tasks.formats.import_graph import reached_files
from tasks.isolated import FLAGS
from tasks.path import PATH, SigningRole, Stage

CASE = "${item}"
# The resolved copy: its sections hold the digests of the files that they name, so that DVC notices
# a changed suite or reason map without a dependency of its own.
CASE_FILE = f"configs/{CASE}/resolved.yaml"
HEAD = """\
# Written by `./portcullis sync` from tasks/path.py and from what the stages import: edit those.
#
# The data path, once per use case. `./portcullis release`, Prefect's runs and `dvc repro` all take
# it. A stage depends on all that can change its outputs: the rooms that its process imports, the
# pinned libraries, its sections of the use case, and the outputs before it.
#
# `exec`, because a shell that stays between DVC and the stage keeps the stage from noticing that
# DVC was killed: it would go on writing into what a retry makes. Bash leaves by itself, Debian's
# /bin/sh does not.
#
# The use cases are listed here and not read from configs/index.yaml: DVC gives `item` to a shell,
# so a name that nobody has checked would be a command (docs/adr/0052-names-of-use-cases.md).
stages:
"""


def dvc_text(workspace: Path, cases: Iterable[str]) -> str:
    """Return the text of `dvc.yaml` for the code that lies in `workspace`, and for `cases`.

    Raises:
        ConfigError: A use case may not be called so.
    """
    names = [check_case_name(name, "a use case for dvc.yaml") for name in cases]
    return HEAD + "\n".join(_stage_text(stage, workspace, names) for stage in PATH)


def code_rooms(stage: Stage, workspace: Path) -> tuple[str, ...]:
    """Return the rooms and single modules that make a stage's outputs, sorted.

    They are what its process imports; of the last stage, also what the worker publishes with.

    A room counts as a whole although some of its modules may not be imported: what is imported may
    change with any of them.
    """
    starts = [f"tasks.stages.{stage.name}.stage", "tasks.stages.process"]
    # The receipt is written by the worker, which publishes for the last stage.
    if stage is PATH[-1]:
        starts.append("tasks.worker.publishing")

    files = {
        file for start in starts for file in reached_files(workspace, start, is_lazy_included=True)
    }
    return tuple(sorted({_room_of(file) for file in files}))


def _room_of(file: str) -> str:
    """Return the room that a module lies in, or the module itself where it lies in none.

    Rooms are the folders of `tasks` and of `tasks/stages`.
    """
    folders = file.split("/")[:-1]
    depth = 3 if folders[:2] == ["tasks", "stages"] else 2
    return "/".join(folders[:depth]) if len(folders) >= depth else file


def _stage_text(stage: Stage, workspace: Path, cases: Iterable[str]) -> str:
    data = f"data/{CASE}"
    lines = [
        f"  {stage.name}:",
        f"    foreach: [{', '.join(cases)}]",
        "    do:",
        f"      cmd: exec python {' '.join(FLAGS)} tasks/isolated.py tasks {stage.name} {CASE}",
    ]
    if stage.is_always_run:
        lines.append("      always_changed: true")

    lines.append("      deps:")
    lines += [f"        - {name}" for name in _dependencies(stage, workspace)]
    lines += [f"        - {data}/{artefact}" for artefact in stage.reads]

    lines += ["      params:", f"        - {CASE_FILE}:"]
    lines += [f"            - {section}" for section in stage.tracked_sections]

    lines.append("      outs:")
    lines += [f"        - {_output(f'{data}/{stage.name}/{name}')}" for name in stage.writes]
    if stage.metrics:
        lines.append("      metrics:")
        lines += [f"        - {_output(f'{data}/{stage.name}/{name}')}" for name in stage.metrics]

    if stage.plots:
        lines.append("      plots:")
    for plot in stage.plots:
        lines += [
            f"        - {data}/{stage.name}/{plot.name}:",
            "            cache: false",
            f"            x: {plot.x}",
            f"            y: {plot.y}",
            f"            title: {CASE}, {plot.title}",
            f"            x_label: {plot.x_label}",
            f"            y_label: {plot.y_label}",
            "            template: simple",
        ]
    return "\n".join(lines) + "\n"


def _dependencies(stage: Stage, workspace: Path) -> list[str]:
    """Return the code, configuration and libraries that a stage's outputs depend on.

    Gates, and the stages that decide, depend on the policy, too.
    """
    configuration = [f"configs/{name}" for name in stage.shared_files]
    if stage.is_gate or stage.signer is SigningRole.DECISION:
        configuration.append("configs/policy")
    return ["requirements.lock", *sorted(configuration), *code_rooms(stage, workspace)]


def _output(path: str) -> str:
    """Return an output; plain JSON stays out of the cache, so that it lies in git."""
    return f"{path}: {{cache: false}}" if path.endswith(".json") else path
