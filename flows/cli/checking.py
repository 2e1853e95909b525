"""Check a use case's file as a whole: every section by the class that its stage reads it with."""

from importlib import import_module

from pydantic import BaseModel

from tasks.config.cases import Columns, Role, load_case, section
from tasks.config.sources import Sources
from tasks.errors import ConfigError

SECTIONS: dict[str, str] = {
    "ingest": "tasks.stages.ingest.params:IngestParams",
    "redact": "tasks.redaction.params:RedactParams",
    "validate": "tasks.stages.validate.params:ValidateParams",
    "train": "tasks.stages.train.params:TrainParams",
    "explain": "tasks.stages.explain.params:ExplainParams",
    "fairness": "tasks.stages.fairness.params:FairnessParams",
    "erasure": "tasks.erasure.policy:ErasureParams",
    "register": "tasks.stages.register.stage:RegisterParams",
    "limits.redact": "tasks.redaction.params:RedactLimits",
    "limits.validate": "tasks.stages.validate.params:ValidateLimits",
    "limits.train": "tasks.stages.train.params:TrainLimits",
    "limits.explain": "tasks.stages.explain.params:ExplainLimits",
    "limits.fairness": "tasks.stages.fairness.params:FairnessLimits",
}
ALONE = ("title", "purpose", "sources", "columns", "limits")


def check_case(case: str) -> None:
    """Raise a ConfigError for the first thing that is wrong with a use case's file."""
    values = load_case(case)
    known = {*ALONE, *(key for key in SECTIONS if "." not in key)}
    if unknown := sorted(set(values) - known):
        raise ConfigError(
            f"configs/{case}.yaml",
            expected=f"sections: {', '.join(sorted(known))}",
            found=f"unknown: {', '.join(unknown)}",
            remedy="Mend the spelling; unknown keys are refused on purpose.",
        )
    section(case, "sources", Sources)
    columns = section(case, "columns", Columns)
    for role in (Role.SUBJECT, Role.TARGET):
        columns.only(role)
    for key, place in SECTIONS.items():
        module, _, name = place.partition(":")
        model: type[BaseModel] = getattr(import_module(module), name)
        section(case, key, model)
