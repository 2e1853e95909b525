"""Check use cases as a whole: every section by the class that reads it, and every file.

What can be found out without reading data is found out here, before the first stage runs.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tasks.config.case_paths import case_path
from tasks.config.cases import NUMBERS, Columns, Role, section_in, validated_file
from tasks.config.collecting import FaultList, suggestion
from tasks.config.resolving import (
    EXTENDS,
    LIMIT_CHANGES,
    LIMITS,
    WORDS,
    differing_keys,
    field_of,
)
from tasks.config.sources import FileSource, Sources, SqlSource, lapsed, today
from tasks.config.wording import DECIDED, FILL_IN, nothing_in
from tasks.errors import ConfigError, PortcullisError
from tasks.path import PATH
from tasks.redaction.cloud.disclosing import foretell, lapses
from tasks.redaction.params import (
    RedactLimits,
    RedactParams,
    require_one_place,
    require_service_limits,
)
from tasks.settings import Settings

# Sections that no stage owns, by the class that reads each.
SHARED_SECTIONS: dict[str, str] = {
    "deployment": "tasks.config.deployment:DeploymentParams",
    "erasure": "tasks.erasure.policy:ErasureParams",
}
# Sections of all stages, by the class that reads each.
STATED_SECTIONS: dict[str, str] = {
    "sources": "tasks.config.sources:Sources",
    "columns": "tasks.config.cases:Columns",
}
# What `redact` has a rule for; of another kind it would leave the value as it is.
COARSENED_KINDS = ("age", "date", "ip", "zip")
# Sections that a use case may leave out.
OPTIONAL_SECTIONS: dict[str, str] = {
    WORDS: "tasks.config.words:Words",
    "promote": "tasks.promotion.params:PromoteParams",
    "engine": "tasks.engines.params:EngineParams",
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
        # Names and no classes: `sync` runs in hooks, and imports of a stage what it has to.
        params = f"tasks.stages.{stage.name}.params:{stage.name.capitalize()}"
        if stage.name in stage.sections:
            classes[stage.name] = f"{params}Params"
        if stage.is_gate:
            classes[f"limits.{stage.name}"] = f"{params}Limits"

    return classes


def check_cases(
    cases: Mapping[str, dict[str, Any]], workspace: Path, settings: Settings, faults: FaultList
) -> list[str]:
    """Check resolved use cases; return, in lines for people, what was checked and what stands out.

    Everything that is wrong with any of them is added to `faults`.
    """
    lines: list[str] = []
    for name, values in cases.items():
        # Of one that is wrong nothing is counted or remarked: the remarks read what has just been
        # refused.
        own_faults = case_faults(name, values, workspace)
        for fault in own_faults:
            faults.add(fault)
        if not own_faults:
            lines.append(f"{name}: well-formed: {_counts(values)}")
            lines += _remarks(name, values, cases, workspace, settings)

    # Two use cases that register under one name would replace each other's model.
    models: dict[str, list[str]] = {}
    for name, values in cases.items():
        if model := field_of(values, "register.model"):
            models.setdefault(str(model), []).append(name)
    for model, users in models.items():
        if len(users) > 1:
            faults.add(
                ConfigError(
                    f"{case_path(users[-1]).as_posix()}: register.model",
                    expected="a name of its own for each use case's model",
                    found=f"`{model}` for {', '.join(users)}",
                    remedy="Name the model of a use case that extends another, too.",
                )
            )
    return lines


def case_faults(name: str, values: dict[str, Any], workspace: Path) -> tuple[PortcullisError, ...]:
    """Return everything that is wrong with a resolved use case.

    First each section by itself, then what sections say of each other. Of a section that is wrong
    in itself no more is said: what others make of it would be guessed.
    """
    where = case_path(name).as_posix()
    faults = FaultList()
    _check_names(where, values, faults)
    empty = _check_nothing_is_empty(where, values, faults)

    sections: dict[str, Any] = {}
    # 1. Each section by itself.
    for key, place in {**STATED_SECTIONS, **section_classes()}.items():
        # A field that is there and empty was told once, in words that say more.
        with faults.kept(partial(_is_told, where=where, key=key, empty=empty)):
            sections[key] = section_in(values, name, key, class_at(place))

    for key, place in OPTIONAL_SECTIONS.items():
        if key in values:
            with faults.kept(partial(_is_told, where=where, key=key, empty=empty)):
                sections[key] = section_in(values, name, key, class_at(place))

    # 2. What sections say of each other; nearly all of it is about columns.
    columns: Columns | None = sections.get("columns")
    if columns is None:
        return faults.all()
    for role in (Role.SUBJECT, Role.TARGET):
        try:
            columns.only(role)
        except ConfigError as fault:
            faults.add(
                ConfigError(
                    f"{where}: {fault.where}",
                    expected=fault.expected,
                    found=fault.found,
                    remedy=fault.remedy,
                )
            )
    _check_columns(where, values, columns, faults)
    _check_coverage(where, values, columns, faults)
    _check_wiring(where, sections, faults)
    _check_files(name, values, columns, workspace, faults)
    return faults.all()


def check_sources(
    cases: Mapping[str, dict[str, Any]], settings: Settings, faults: FaultList
) -> list[str]:
    """Read the header and the first rows of every source; return how many rows were looked at.

    Everything that is wrong with them is added to `faults`, also what this machine lacks. A use
    case whose sections are wrong is left out: `check_cases` tells of it.
    """
    from tasks.stages.ingest.params import IngestParams
    from tasks.stages.ingest.reading import ExpectedDelivery
    from tasks.stages.ingest.reading.sampling import source_faults

    lines: list[str] = []
    for name, values in cases.items():
        try:
            # Without the faults that `check_cases` has told already.
            sources = section_in(values, name, "sources", Sources)
            columns = section_in(values, name, "columns", Columns)
            params = section_in(values, name, "ingest", IngestParams)
        except ConfigError:
            continue
        for source_name, source in sources.root.items():
            own = FaultList()
            expected = ExpectedDelivery.of(source_name, columns, params)
            rows = source_faults(source, expected, params, settings, own)
            for fault in own.all():
                faults.add(
                    type(fault)(
                        f"{case_path(name).as_posix()}: {fault.where}",
                        expected=fault.expected,
                        found=fault.found,
                        remedy=fault.remedy,
                    )
                )
            if rows:
                lines.append(f"{name}: source `{source_name}`: {rows:,} rows looked at")
    return lines


def class_at(place: str) -> type[BaseModel]:
    """Return the class that `section_classes` names."""
    module, _, class_name = place.partition(":")
    model: type[BaseModel] = getattr(import_module(module), class_name)
    return model


def _is_told(fault: PortcullisError, where: str, key: str, empty: Collection[str]) -> bool:
    """Say whether a section's fault is about one of its fields that stand there empty."""
    field = fault.where.removeprefix(f"{where}, `{key}`: ")
    # By the beginning: of a list that is empty a fault names its elements.
    return any(f"{key}.{field}".startswith(place) for place in empty) or key in empty


def _check_names(where: str, values: dict[str, Any], faults: FaultList) -> None:
    classed = (*OPTIONAL_SECTIONS, *(key for key in section_classes() if "." not in key))
    known = tuple(sorted({*UNCLASSED, *classed}))
    if unknown := sorted(set(map(str, values)) - set(known)):
        faults.add(
            ConfigError(
                where,
                expected=f"sections: {', '.join(known)}",
                found=f"unknown: {', '.join(unknown)}",
                remedy=suggestion(unknown, known, "Take it out: nobody would read it."),
            )
        )
    for key in ("title", "purpose"):
        # A title that is there and empty is told with what else is empty.
        if not isinstance(values.get(key), str | None) or key not in values:
            faults.add(
                ConfigError(
                    f"{where}: {key}",
                    expected="a text that people read on pages and in exports",
                    found="another kind of value" if key in values else "none",
                    remedy="Write it in a sentence, in quotes if it has a colon.",
                )
            )

    limits = values.get(LIMITS)
    gates = tuple(
        sorted(key.partition(".")[2] for key in section_classes() if key.startswith(f"{LIMITS}."))
    )
    if idle := sorted(set(map(str, limits)) - set(gates)) if isinstance(limits, dict) else []:
        faults.add(
            ConfigError(
                f"{where}: {LIMITS}",
                expected=f"limits of gates: {', '.join(gates)}",
                found=f"unknown: {', '.join(idle)}",
                remedy=suggestion(idle, gates, "Take it out: nothing would be judged by it."),
            )
        )


def _check_nothing_is_empty(
    where: str, values: dict[str, Any], faults: FaultList
) -> tuple[str, ...]:
    """Return the fields without a value: a draft leaves to a person what only a person can decide.

    They are one fault for each section, not one for each field: a draft has a hundred of them.
    """
    empty = tuple(_empty_fields(values))
    by_section: dict[str, list[str]] = {}
    for field in empty:
        by_section.setdefault(field.partition(".")[0], []).append(field)

    for fields in by_section.values():
        faults.add(
            ConfigError(
                f"{where}: {fields[0]}",
                expected=DECIDED,
                found=nothing_in(fields),
                remedy=FILL_IN,
            )
        )

    return empty


def _empty_fields(value: Any, where: str = "") -> Iterator[str]:
    if value is None:
        yield where
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _empty_fields(inner, f"{where}.{key}".lstrip("."))


def _check_columns(where: str, values: dict[str, Any], columns: Columns, faults: FaultList) -> None:
    """Add sections that name a column which is not there, or has another role."""
    protected = columns.named(Role.PROTECTED)
    features = columns.named(Role.FEATURE)
    ordered = tuple(name for name in features if columns.root[name].kind in NUMBERS)
    uses = (
        ("fairness.privileged", protected, "protected columns"),
        ("fairness.excused", protected, "protected columns"),
        ("train.mitigate", protected, "protected columns"),
        ("train.left_out", features, "features"),
        ("subgroups.audit", features, "features"),
        ("train.monotone", ordered, "features that are numbers or flags"),
        ("validate.near_duplicate_columns", tuple(columns.root), "declared columns"),
        ("redact.tokenised", columns.named(Role.IDENTIFIER), "identifiers"),
    )
    for field, known, what in uses:
        named = field_of(values, field)
        strangers = (
            sorted(set(map(str, named)) - set(known)) if isinstance(named, dict | list) else []
        )
        if strangers:
            faults.add(
                ConfigError(
                    f"{where}: {field}",
                    expected=what,
                    found=", ".join(strangers),
                    remedy=suggestion(strangers, known, "Declare the column so, or leave it out."),
                )
            )

    _check_groups(where, values, columns, faults)
    _check_favourable(where, values, columns, faults)


def _check_groups(where: str, values: dict[str, Any], columns: Columns, faults: FaultList) -> None:
    """Add privileged groups that no row can be in: of a flag 0 and 1, of a rule its labels."""
    # By the texts of groups: YAML reads 1 and "1" as two things, and rows hold one.
    privileged = field_of(values, "fairness.privileged")
    for name, group in privileged.items() if isinstance(privileged, dict) else ():
        groups = _known_groups(values, columns, name)
        if groups and str(group) not in groups:
            faults.add(
                ConfigError(
                    f"{where}: fairness.privileged.{name}",
                    expected=f"one of its groups: {', '.join(groups)}",
                    found=f"`{group}`",
                    remedy=suggestion([str(group)], groups, "Name the group in quotes."),
                )
            )


def _known_groups(values: dict[str, Any], columns: Columns, name: str) -> tuple[str, ...]:
    """Return the groups of a column, where the use case alone says what they are."""
    rule = field_of(values, "ingest.derive")
    rule = rule.get(name) if isinstance(rule, dict) else None
    labels = rule.get("labels", rule.get("flags")) if isinstance(rule, dict) else None
    if isinstance(labels, dict):
        return tuple(dict.fromkeys(str(label) for label in labels.values()))
    column = columns.root.get(name)
    return ("0", "1") if column and column.kind == "flag" else ()


def _check_favourable(
    where: str, values: dict[str, Any], columns: Columns, faults: FaultList
) -> None:
    """Add a favourable value that the target cannot have, and a target that is no flag."""
    for target in columns.named(Role.TARGET):
        if columns.root[target].kind != "flag":
            faults.add(
                ConfigError(
                    f"{where}: columns.{target}",
                    expected="a target of kind `flag`: 0 and 1",
                    found=f"kind `{columns.root[target].kind}`",
                    remedy="If it says yes and no, declare the column as it comes with role "
                    "`dropped`, and derive the target: `ingest.derive: {<target>: {rule: recode, "
                    'column: <column>, labels: {"yes": 1, "no": 0}}}`.',
                )
            )

    favourable = field_of(values, "train.favourable")
    # This way round NaN is refused.
    if isinstance(favourable, int | float) and favourable not in (0, 1):
        faults.add(
            ConfigError(
                f"{where}: train.favourable",
                expected="0 or 1: the target is a flag",
                found="another number",
                remedy="Name the value that is good for the person.",
            )
        )


def _check_coverage(
    where: str, values: dict[str, Any], columns: Columns, faults: FaultList
) -> None:
    """Add protected columns that are neither judged nor excused; the gate would not pass."""
    covered = {
        name
        for field in ("fairness.privileged", "fairness.excused")
        for name in field_of(values, field) or ()
    }
    if forgotten := sorted(set(columns.named(Role.PROTECTED)) - covered):
        faults.add(
            ConfigError(
                f"{where}: fairness",
                expected="every protected column in `privileged`, or in `excused` with a reason",
                found=f"neither: {', '.join(forgotten)}",
                remedy="Name its privileged group, or say who excuses it, why and since when.",
            )
        )


def _check_wiring(where: str, sections: Mapping[str, Any], faults: FaultList) -> None:
    """Add what sections say of each other that does not fit."""
    from tasks.stages.alternatives.params import require_learners_keep_directions
    from tasks.stages.ingest.params import wiring_faults

    columns: Columns = sections["columns"]
    if "ingest" in sections and "sources" in sections:
        for fault in wiring_faults(columns, sections["ingest"], sections["sources"]):
            faults.add(fault.at(where))
    if "alternatives" in sections and "train" in sections:
        with faults.kept():
            require_learners_keep_directions(sections["alternatives"], sections["train"], where)
    redact = sections.get("redact")
    if redact is not None and "limits.redact" in sections:
        with faults.kept():
            require_service_limits(redact, sections["limits.redact"], where)
    if redact is not None and "engine" in sections:
        with faults.kept():
            require_one_place(redact, sections["engine"], where)
    if "limits.redact" in sections:
        _check_leakage(where, sections["limits.redact"], columns, faults)
    for name in columns.named(Role.QUASI):
        kind = columns.root[name].kind
        if kind not in COARSENED_KINDS:
            faults.add(
                ConfigError(
                    f"{where}: columns.{name}",
                    expected=f"a quasi-identifier of kind {', '.join(COARSENED_KINDS)}",
                    found=f"`{kind}`",
                    remedy="Give it another role; nothing else is made coarser.",
                )
            )
        elif kind == "zip" and redact is not None and redact.small_zip_areas is None:
            faults.add(
                ConfigError(
                    f"{where}: redact.small_zip_areas",
                    expected=f"a list of small areas, for `{name}` of kind `zip`",
                    found="none",
                    remedy="Name configs/recognisers/hipaa/zip3.yaml, or a newer list of your own.",
                )
            )


def _check_leakage(where: str, limits: RedactLimits, columns: Columns, faults: FaultList) -> None:
    """Add that leakage can never be measured: the gate would be undecided, and block, each time."""
    has_texts = bool(columns.named(Role.FREE_TEXT))
    # Found here, in a second: the gate would say it after the rows were read and redacted.
    if has_texts and not columns.named(Role.GOLD) and not limits.not_applicable:
        faults.add(
            ConfigError(
                f"{where}: limits.redact.not_applicable",
                expected="planted answers (columns of role `gold`), or why there are none",
                found="neither",
                remedy="Of real data nobody knows every name in every text: say so there. The "
                "verdict, pages and the registry then say `not measured`.",
            )
        )


def _check_files(
    name: str, values: dict[str, Any], columns: Columns, workspace: Path, faults: FaultList
) -> None:
    """Read every file that the use case names, as its stage would."""
    from tasks.adverse_action.reason_map import load_reason_map
    from tasks.stages.validate.expectations import load_suite

    paths = {
        field: workspace / path
        for field in ("validate.suite", "validate.reference", "explain.reasons", "train.champion")
        # What is wrong with a file itself, resolving has told.
        if (path := field_of(values, f"{field}.path")) and (workspace / path).is_file()
    }
    if "validate.suite" in paths:
        with faults.kept():
            suite = load_suite(paths["validate.suite"])
            # An expectation about the whole table names no column.
            all_arguments = [expectation.kwargs for expectation in suite.expectations]
            tested = {arguments["column"] for arguments in all_arguments if arguments.get("column")}
            known = (*columns.root, *ADDED_COLUMNS)
            if strangers := sorted(set(map(str, tested)) - set(known)):
                otherwise = f"Declare the column in {case_path(name).as_posix()}."
                raise ConfigError(
                    paths["validate.suite"].as_posix(),
                    expected="expectations about declared columns",
                    found=", ".join(strangers),
                    remedy=suggestion(strangers, known, otherwise),
                )

    left_out = field_of(values, "train.left_out")
    left_out = left_out if isinstance(left_out, dict) else {}
    features = tuple(key for key in columns.named(Role.FEATURE) if key not in left_out)
    if "explain.reasons" in paths:
        with faults.kept():
            load_reason_map(paths["explain.reasons"], features)

    remedy = "Restore it from git, or write it anew: ./portcullis accept."
    if "validate.reference" in paths:
        # Imported for who has one: it brings pandas, and `sync` runs in hooks and editors.
        from tasks.stages.validate.reference.profile import Profile

        with faults.kept():
            path = paths["validate.reference"]
            validated_file(Profile, path, expected="a yardstick", remedy=remedy)
    if "train.champion" in paths:
        from tasks.stages.train.params import Champion

        with faults.kept():
            validated_file(Champion, paths["train.champion"], expected="a yardstick", remedy=remedy)


def _say_what_leaves(name: str, values: dict[str, Any], day: date) -> Iterator[str]:
    """Yield to whom texts would be sent, before anything runs that sends them."""
    params = section_in(values, name, "redact", RedactParams)
    texts = section_in(values, name, "columns", Columns).named(Role.FREE_TEXT)
    for line in foretell(params.detectors, texts):
        yield f"  LEAVES THE HOUSE: {line}"
    if params.macie is not None:
        yield f"  {params.macie.processor} reads s3://{params.macie.bucket} ({params.macie.region})"
    for line in lapses(params.detectors, params.macie, day):
        yield f"  no release before this is mended: {line}"


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


def _absences(sources: Sources, workspace: Path, settings: Settings) -> Iterator[str]:
    """Yield what a source needs and this machine does not have: a file, a variable."""
    for name, source in sources.root.items():
        if isinstance(source, FileSource) and not source.is_remote:
            path = source.path.removeprefix("file://")
            if not (workspace / path).is_file():
                yield f"source `{name}`: no file {path}"
        elif isinstance(source, SqlSource):
            try:
                source.url(settings)
            except ConfigError:
                yield f"source `{name}`: the variable {source.url_variable} is not set"


def _remarks(
    name: str,
    values: dict[str, Any],
    cases: Mapping[str, dict[str, Any]],
    workspace: Path,
    settings: Settings,
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

    sources = section_in(values, name, "sources", Sources)
    for line in lapsed(sources, today(settings)):
        yield f"  no release before this is mended: {line}"
    for line in _absences(sources, workspace, settings):
        yield f"  no release on this machine before this is mended: {line}"
    yield from _say_what_leaves(name, values, today(settings))
    # In the text: a comment is in no value.
    guesses = (workspace / case_path(name)).read_text(encoding="utf-8").count(UNCONFIRMED)
    if guesses:
        mark = f"`{UNCONFIRMED}` in {case_path(name)}"
        yield f"  {guesses} guesses that nobody has confirmed ({mark})"
