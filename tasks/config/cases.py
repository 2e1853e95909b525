"""Use cases: one YAML file each in `configs/`, read by section so that each stage sees its own settings only."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, model_validator

from tasks.errors import ConfigError

CONFIGS = Path("configs")
INDEX = CONFIGS / "index.yaml"
LOADER = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # the same, ten times as fast, where libyaml is there

P = TypeVar("P", bound=BaseModel)


class Role(StrEnum):
    """What a column is for. A column of a source that is not declared at all stops ingest."""

    SUBJECT = "subject"  # the data subject's join key (an e-mail, a customer number); becomes the pseudonym
    IDENTIFIER = "identifier"  # identifies a person by itself: dropped or tokenised
    QUASI = "quasi_identifier"  # identifies in combination: generalised
    FREE_TEXT = "free_text"
    FEATURE = "feature"
    PROTECTED = "protected"  # kept aside for the gates, never a feature
    TARGET = "target"
    GOLD = "gold"  # planted answers that the leakage measure compares with; never leaves redact
    DROPPED = "dropped"  # declared, but not needed: ingest drops it


class Column(BaseModel):
    """One declared column: its role, the source it comes from, and what kind of value it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    source: str
    kind: str = "number"
    describes: str | None = Field(
        default=None, description="for gold columns: the free-text column they annotate"
    )

    @model_validator(mode="after")
    def _gold_describes_a_text(self) -> "Column":
        if (self.role is Role.GOLD) != (self.describes is not None):
            raise ValueError("`describes` goes with role `gold`, and only with it")
        return self


class Columns(RootModel[dict[str, Column]]):
    """The `columns:` section: the allow-list of everything a use case may read."""

    model_config = ConfigDict(frozen=True)

    def named(self, *roles: Role) -> tuple[str, ...]:
        """Return the names of the columns in any of `roles`, in declared order."""
        return tuple(name for name, column in self.root.items() if column.role in roles)

    def only(self, role: Role) -> str:
        """Return the one column in `role`; more or fewer is a ConfigError."""
        names = self.named(role)
        if len(names) != 1:
            raise ConfigError(
                "columns",
                expected=f"exactly one column with role `{role}`",
                found=", ".join(names) or "none",
                remedy="Mend the `columns:` section of the use case.",
            )
        return names[0]


def case_names(workspace: Path) -> tuple[str, ...]:
    """Return the use cases that the index lists, in its order."""
    index = _load_yaml(workspace / INDEX)
    return tuple(index["use_cases"])


def load_case(name: str, workspace: Path) -> dict[str, Any]:
    """Return the whole of a use case's file as plain values.

    Raises:
        ConfigError: There is no such use case; the message lists the known ones.
    """
    path = workspace / CONFIGS / f"{name}.yaml"
    if name not in case_names(workspace) or not path.is_file():
        raise ConfigError(
            f"use case `{name}`",
            expected="one of: " + ", ".join(case_names(workspace)),
            found="none of that name",
            remedy="Check the spelling, or add configs/<name>.yaml and run `./portcullis sync`.",
        )
    return _load_yaml(path)


def section(name: str, key: str, model: type[P], workspace: Path) -> P:
    """Return one section (dotted: `limits.train`) of a use case, validated by the parameter class it belongs to."""
    values: Any = load_case(name, workspace)
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            raise ConfigError(
                f"configs/{name}.yaml",
                expected=f"a section `{key}`",
                found="none",
                remedy=f"Add it; its fields are those of {model.__module__}.{model.__name__}.",
            )
        values = values[part]
    return validated(model, values, f"configs/{name}.yaml, `{key}`")


def validated(model: type[P], values: Any, where: str) -> P:
    """Return `values` as `model`, or one ConfigError that names the first wrong field and how many more there are."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first, *rest = error.errors(include_input=False, include_url=False)
        field = ".".join(str(part) for part in first["loc"]) or "the section"
        more = f" ({len(rest)} more)" if rest else ""
        raise ConfigError(
            f"{where}: {field}",
            expected=f"a valid {model.__name__}",
            found=f"{first['msg']}{more}",
            remedy="Mend the field; unknown keys are refused on purpose.",
        ) from error


def validated_file(model: type[P], path: Path, *, expected: str, remedy: str) -> P:
    """Return a YAML file beside the use cases (a reason map, recognisers, a list) as `model`.

    Raises:
        ConfigError: It is absent, no YAML, or says something else.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    except (OSError, yaml.YAMLError) as error:
        found = f"none ({type(error).__name__})"
        raise ConfigError(path.as_posix(), expected=expected, found=found, remedy=remedy) from error
    return validated(model, values, path.as_posix())


def _load_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    except FileNotFoundError as error:
        raise ConfigError(
            str(path), expected="a YAML file", found="none", remedy="Restore it from git."
        ) from error
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        spot = f"{path}" + (f", line {line + 1}" if line is not None else "")
        raise ConfigError(
            spot, expected="YAML", found="a syntax error", remedy="Mend the line."
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(
            str(path),
            expected="a mapping",
            found=type(values).__name__,
            remedy="See docs/use-cases.md.",
        )
    if unquoted := _dates(values, ""):
        raise ConfigError(
            f"{path}: {unquoted[0]}",
            expected='a date in quotes ("2031-12-31"), which DVC can track',
            found="one without",
            remedy="Put it in quotes.",
        )
    return values


def _dates(values: Any, where: str) -> list[str]:
    """Return where YAML has read a date: DVC cannot track those."""
    if isinstance(values, dict):
        return [
            place
            for key, value in values.items()
            for place in _dates(value, f"{where}.{key}".lstrip("."))
        ]
    if isinstance(values, list):
        return [place for value in values for place in _dates(value, where)]
    return [where] if isinstance(values, date) else []
