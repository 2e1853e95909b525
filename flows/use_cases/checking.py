"""Check use cases as a whole: every section by the class that reads it, and every file.

What can be found out without reading data is found out here, before the first stage runs.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tasks.config.case_paths import case_path
from tasks.config.cases import Columns, Role, section_in, validated_file
from tasks.config.resolving import EXTENDS, LIMIT_CHANGES, LIMITS, differing_keys, field_of
from tasks.config.sources import Sources, lapsed
from tasks.errors import ConfigError
from tasks.path import PATH

# Sections that no stage owns, by the class that reads each.
SHARED_SECTIONS: dict[str, str] = {
    "deployment": "tasks.config.deployment:DeploymentParams",
    "erasure": "tasks.erasure.policy:ErasureParams",
}
UNCLASSED = ("title", "purpose", "sources", "columns", LIMITS, EXTENDS, LIMIT_CHANGES)
UNCONFIRMED = "# confirm"  # what `./portcullis init` writes beside a guess
ADDED_COLUMNS = ("subject", "person")  # ingest adds them to every use case


def section_classes() -> dict[str, str]:
    """Return `module:class` for every section of a use case: by convention, of a stage's own room.

    The section `<stage>` is read by `<Stage>Params` and `limits.<stage>` by `<Stage>Limits`, both
    in `tasks/stages/<stage>/params.py`.
    """
    classes = dict(SHARED_SECTIONS)
    for stage in PATH:
        params = f"tasks.stages.{stage.name}.params:{stage.name.capitalize()}"
        if stage.name in stage.sections:
            classes[stage.name] = f"{params}Params"
        if stage.is_gate:
            classes[f"limits.{stage.name}"] = f"{params}Limits"
    return classes


def check_cases(cases: Mapping[str, dict[str, Any]], workspace: Path, day: date) -> Iterator[str]:
    """Check resolved use cases; yield, in lines for people, what was checked and what stands out.

    Raises:
        ConfigError: The first thing that is wrong.
    """
    for name, values in cases.items():
        check_case(name, values, workspace)
        yield f"{name}: well-formed: {_counts(values)}"
        yield from _remarks(name, values, cases, workspace, day)

    # Two use cases that register under one name would replace each other's model.
    models = Counter(str(field_of(values, "register.model")) for values in cases.values())
    if shared := [model for model, uses in models.items() if uses > 1]:
        users = [name for name in cases if field_of(cases[name], "register.model") == shared[0]]
        raise ConfigError(
            f"{case_path(users[-1]).as_posix()}: register.model",
            expected="a name of its own for each use case's model",
            found=f"`{shared[0]}` for {', '.join(users)}",
            remedy="Name the model of a use case that extends another, too.",
        )


def check_case(name: str, values: dict[str, Any], workspace: Path) -> None:
    """Raise a ConfigError for the first thing that is wrong with a resolved use case."""
    where = case_path(name).as_posix()
    _check_names(where, values)
    _check_nothing_is_empty(where, values)

    sources = section_in(values, name, "sources", Sources)
    columns = section_in(values, name, "columns", Columns)
    for role in (Role.SUBJECT, Role.TARGET):
        columns.only(role)
    sections = {}
    for key, place in section_classes().items():
        module, _, class_name = place.partition(":")
        model: type[BaseModel] = getattr(import_module(module), class_name)
        sections[key] = section_in(values, name, key, model)

    _check_columns(where, values, columns)
    _check_coverage(where, values, columns)
    from tasks.stages.ingest.params import check_wiring

    # By `section_classes`, this section is an IngestParams.
    check_wiring(columns, sections["ingest"], sources)  # type: ignore[arg-type]
    _check_files(name, values, columns, workspace)


def _check_names(where: str, values: dict[str, Any]) -> None:
    known = {*UNCLASSED, *(key for key in section_classes() if "." not in key)}
    if unknown := sorted(set(values) - known):
        raise ConfigError(
            where,
            expected=f"sections: {', '.join(sorted(known))}",
            found=f"unknown: {', '.join(unknown)}",
            remedy="Mend the spelling; unknown keys are refused on purpose.",
        )

    limits = values.get(LIMITS)
    gates = {key.partition(".")[2] for key in section_classes() if key.startswith(f"{LIMITS}.")}
    if idle := sorted(set(limits) - gates) if isinstance(limits, dict) else []:
        raise ConfigError(
            f"{where}: {LIMITS}",
            expected=f"limits of gates: {', '.join(sorted(gates))}",
            found=f"unknown: {', '.join(idle)}",
            remedy="Mend the spelling: nothing would be judged by them.",
        )


def _check_nothing_is_empty(where: str, values: dict[str, Any]) -> None:
    """Refuse a field without a value: a draft leaves to a person what only a person can decide."""
    if empty := list(_empty_fields(values)):
        more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
        raise ConfigError(
            f"{where}: {empty[0]}",
            expected="a value that a person has decided on",
            found=f"nothing there{more}",
            remedy="Fill it in. No limit and no agreement has a default.",
        )


def _empty_fields(value: Any, where: str = "") -> Iterator[str]:
    if value is None:
        yield where
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _empty_fields(inner, f"{where}.{key}".lstrip("."))


def _check_columns(where: str, values: dict[str, Any], columns: Columns) -> None:
    """Refuse a section that names a column which is not there, or has another role."""
    protected = set(columns.named(Role.PROTECTED))
    features = set(columns.named(Role.FEATURE))
    uses = (
        ("fairness.privileged", protected, "protected columns"),
        ("fairness.excused", protected, "protected columns"),
        ("train.mitigate", protected, "protected columns"),
        ("train.left_out", features, "features"),
        ("subgroups.audit", features, "features"),
        ("train.monotone", features, "features"),
        ("validate.near_duplicate_columns", set(columns.root), "declared columns"),
        ("redact.tokenised", set(columns.named(Role.IDENTIFIER)), "identifiers"),
    )
    for field, known, what in uses:
        if strangers := sorted(set(field_of(values, field) or ()) - known):
            raise ConfigError(
                f"{where}: {field}",
                expected=what,
                found=", ".join(strangers),
                remedy="Mend the spelling, or declare the column so.",
            )


def _check_coverage(where: str, values: dict[str, Any], columns: Columns) -> None:
    """Refuse a protected column that is neither judged nor excused; the gate would not pass."""
    covered = {
        name
        for field in ("fairness.privileged", "fairness.excused")
        for name in field_of(values, field) or ()
    }
    if forgotten := sorted(set(columns.named(Role.PROTECTED)) - covered):
        raise ConfigError(
            f"{where}: fairness",
            expected="every protected column in `privileged`, or in `excused` with a reason",
            found=f"neither: {', '.join(forgotten)}",
            remedy="Name its privileged group, or say who excuses it, why and since when.",
        )


def _check_files(name: str, values: dict[str, Any], columns: Columns, workspace: Path) -> None:
    """Read every file that the use case names, as its stage would."""
    from tasks.adverse_action.reason_map import load_reason_map
    from tasks.stages.train.params import Champion
    from tasks.stages.validate.expectations import load_suite
    from tasks.stages.validate.reference.profile import Profile

    paths = {
        field: workspace / path
        for field in ("validate.suite", "validate.reference", "explain.reasons", "train.champion")
        if (path := field_of(values, f"{field}.path"))
    }
    suite = load_suite(paths["validate.suite"])
    # An expectation about the whole table names no column.
    all_arguments = [expectation.kwargs for expectation in suite.expectations]
    tested = {arguments["column"] for arguments in all_arguments if arguments.get("column")}
    if strangers := sorted(tested - {*columns.root, *ADDED_COLUMNS}):
        raise ConfigError(
            paths["validate.suite"].as_posix(),
            expected="expectations about declared columns",
            found=", ".join(strangers),
            remedy=f"Mend the spelling, or declare the column in {case_path(name).as_posix()}.",
        )

    left_out = field_of(values, "train.left_out") or {}
    features = tuple(key for key in columns.named(Role.FEATURE) if key not in left_out)
    load_reason_map(paths["explain.reasons"], features)

    remedy = "Restore it from git, or write it anew: ./portcullis accept."
    for field, model in (("validate.reference", Profile), ("train.champion", Champion)):
        if field in paths:
            validated_file(model, paths[field], expected="a yardstick", remedy=remedy)


def _counts(values: dict[str, Any]) -> str:
    columns = values["columns"]
    limits = [limit for gate in values[LIMITS].values() for limit in gate]
    files = [field for field in ("suite", "reference") if field in values["validate"]]
    files.append("reasons")
    champion = "a champion" if isinstance(values["train"]["champion"], dict) else "no champion yet"
    return (
        f"{len(values['sources'])} sources, {len(columns)} columns, "
        f"{len(section_classes())} sections, {len(limits)} limits, {', '.join(files)}, {champion}"
    )


def _remarks(
    name: str,
    values: dict[str, Any],
    cases: Mapping[str, dict[str, Any]],
    workspace: Path,
    day: date,
) -> Iterator[str]:
    """Yield what is not wrong and yet nobody should overlook."""
    if parent := values.get(EXTENDS):
        keys = differing_keys(cases[parent], values)
        differing = [key for key in keys if not key.startswith((EXTENDS, LIMIT_CHANGES))]
        yield f"  extends {parent}; differs in {', '.join(differing)}"
    for limit, reason in values.get(LIMIT_CHANGES, {}).items():
        parent_value = field_of(cases[values[EXTENDS]][LIMITS], limit)
        own_value = field_of(values[LIMITS], limit)
        yield f"  LIMIT {limit}: {own_value} in place of {parent_value}: {reason}"

    for line in lapsed(section_in(values, name, "sources", Sources), day):
        yield f"  no release before this is mended: {line}"
    guesses = (workspace / case_path(name)).read_text(encoding="utf-8").count(UNCONFIRMED)
    if guesses:
        mark = f"`{UNCONFIRMED}` in {case_path(name)}"
        yield f"  {guesses} guesses that nobody has confirmed ({mark})"
