"""Check a use case's file as a whole: every section by the class that its stage reads it with."""

from importlib import import_module
from pathlib import Path

from pydantic import BaseModel

from tasks.config.cases import Columns, Role, load_case, section
from tasks.config.sources import Sources
from tasks.errors import ConfigError
from tasks.path import PATH

# Sections that no stage owns, by the class that reads each.
SHARED: dict[str, str] = {"erasure": "tasks.erasure.policy:ErasureParams"}
ALONE = ("title", "purpose", "sources", "columns", "limits")


def section_classes() -> dict[str, str]:
    """Return `module:class` for every section of a use case: by convention, of a stage's own room.

    The section `<stage>` is read by `<Stage>Params` and `limits.<stage>` by `<Stage>Limits`, both in
    `tasks/stages/<stage>/params.py`.
    """
    classes = dict(SHARED)
    for stage in PATH:
        params = f"tasks.stages.{stage.name}.params:{stage.name.capitalize()}"
        if stage.name in stage.sections:
            classes[stage.name] = f"{params}Params"
        if stage.is_gate:
            classes[f"limits.{stage.name}"] = f"{params}Limits"
    return classes


def check_case(case: str, workspace: Path) -> None:
    """Raise a ConfigError for the first thing that is wrong with a use case's file."""
    values = load_case(case, workspace)
    classes = section_classes()
    known = {*ALONE, *(key for key in classes if "." not in key)}
    if unknown := sorted(set(values) - known):
        raise ConfigError(
            f"configs/{case}.yaml",
            expected=f"sections: {', '.join(sorted(known))}",
            found=f"unknown: {', '.join(unknown)}",
            remedy="Mend the spelling; unknown keys are refused on purpose.",
        )
    section(case, "sources", Sources, workspace)
    columns = section(case, "columns", Columns, workspace)
    for role in (Role.SUBJECT, Role.TARGET):
        columns.only(role)
    for key, place in classes.items():
        module, _, name = place.partition(":")
        model: type[BaseModel] = getattr(import_module(module), name)
        section(case, key, model, workspace)
