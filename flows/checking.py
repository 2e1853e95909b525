"""Check a use case's file as a whole: every section by the class that its stage reads it with."""

from importlib import import_module

from pydantic import BaseModel

from tasks.case import Columns, Role, load_case, section
from tasks.errors import ConfigError
from tasks.sources import Sources

SECTIONS: dict[str, str] = {
    "ingest": "tasks.ingest.params:IngestParams",
    "redact": "tasks.redact.params:RedactParams",
    "validate": "tasks.validate.params:ValidateParams",
    "train": "tasks.train.params:TrainParams",
    "explain": "tasks.explain.params:ExplainParams",
    "fairness": "tasks.fairness.params:FairnessParams",
    "erasure": "tasks.erasure.policy:ErasureParams",
    "register": "tasks.register.stage:RegisterParams",
    "limits.redact": "tasks.redact.params:RedactLimits",
    "limits.validate": "tasks.validate.params:ValidateLimits",
    "limits.train": "tasks.train.params:TrainLimits",
    "limits.explain": "tasks.explain.params:ExplainLimits",
    "limits.fairness": "tasks.fairness.params:FairnessLimits",
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
