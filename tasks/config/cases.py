"""Read use cases, a folder each in `configs/`, section by section.

A stage reads its own section only, so that DVC need not run it again for any other.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, model_validator

from tasks.config.case_name import check_case_name
from tasks.config.case_paths import INDEX, case_path, refuse_links, resolved_path
from tasks.config.collecting import SeveralFaultsError
from tasks.config.resolving import differing_keys, resolve_case
from tasks.config.strict import StrictModel
from tasks.config.wording import config_faults
from tasks.errors import ConfigError
from tasks.formats.yaml_file import read_yaml

P = TypeVar("P", bound=BaseModel)

NUMBERS = ("number", "flag")  # kinds that are read as float64; all others are read as text


class Role(StrEnum):
    """What a column is for. A column of a source that is not declared at all stops ingest."""

    SUBJECT = "subject"  # the data subject's join key (an e-mail); becomes the pseudonym
    IDENTIFIER = "identifier"  # identifies a person by itself: dropped or tokenised
    QUASI = "quasi_identifier"  # identifies in combination: generalised
    FREE_TEXT = "free_text"
    FEATURE = "feature"
    PROTECTED = "protected"  # kept aside for the gates, never a feature
    TARGET = "target"
    GOLD = "gold"  # planted answers that the leakage measure compares with; never leaves redact
    DROPPED = "dropped"  # declared, but not needed: ingest drops it


class Column(StrictModel):
    """One declared column: its role, the source it comes from, and what kind of value it holds."""

    role: Role = Field(description="what it is for")
    source: str = Field(description="the source that delivers it; `derived`: ingest computes it")
    kind: str = Field(default="number", description="what its values are: see above")
    format: str | None = Field(
        default=None,
        pattern=r"%",
        description="of a date that is not ISO 8601, in the signs of strftime, as `%d/%m/%Y`",
    )
    describes: str | None = Field(
        default=None, description="for gold columns: the free-text column they annotate"
    )

    @model_validator(mode="after")
    def _only_dates_have_a_format(self) -> "Column":
        if self.format is not None and self.kind != "date":
            raise ValueError("`format` goes with kind `date`, and only with it")
        return self

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
                remedy=ONE_COLUMN.get(role, "Give one column that role, in `columns:`."),
            )
        return names[0]


# What a person does who has no such column; a target of words is what most people bring.
ONE_COLUMN = {
    Role.SUBJECT: "Give it to the column that says who a row is about, in `columns:`.",
    Role.TARGET: "Give it to the outcome, of kind `flag`, in `columns:`. Of words, as yes and no, "
    "derive one: `ingest.derive: {<target>: {rule: recode, column: <column>, "
    'labels: {"yes": 1, "no": 0}}}`.',
}


def case_names(workspace: Path) -> tuple[str, ...]:
    """Return the use cases that the index lists, in its order.

    Raises:
        ConfigError: There is no index, it lists none, one twice, or what is no name.
    """
    refuse_links(INDEX, workspace)
    index = read_yaml(workspace / INDEX, INDEX.as_posix())
    names = index.get("use_cases") if isinstance(index, dict) else None
    if not isinstance(names, list):
        raise ConfigError(
            INDEX.as_posix(),
            expected="a list `use_cases`",
            found="none",
            remedy="Write it anew: ./portcullis sync.",
        )

    place = f"{INDEX.as_posix()}: use_cases"
    # Not trusted although `sync` writes it: stages and commands make paths of these names.
    checked = tuple(check_case_name(name, place) for name in names)
    if len(set(checked)) != len(checked):
        raise ConfigError(
            place,
            expected="every use case once",
            found="one of them twice",
            remedy="Write it anew: ./portcullis sync.",
        )

    return checked


def load_case(name: str, workspace: Path) -> dict[str, Any]:
    """Return the whole of a use case as plain values, from its resolved copy.

    The copy is compared with what `case.yaml`, the use case that it extends and the files that they
    name come to now. A stage or command never works by a stale one.

    Raises:
        ConfigError: There is no such use case (the message lists the known ones), one of its files
            is wrong, or the copy is stale.
    """
    check_case_name(name, "use case")
    if name not in case_names(workspace) or not (workspace / case_path(name)).is_file():
        raise ConfigError(
            f"use case `{name}`",
            expected="one of: " + ", ".join(case_names(workspace)),
            found="none of that name",
            remedy=(
                "Check the spelling, or add configs/<name>/case.yaml and run `./portcullis sync`."
            ),
        )

    values = resolve_case(name, workspace)
    path = resolved_path(name)
    refuse_links(path, workspace)
    has_copy = (workspace / path).is_file()
    written = read_yaml(workspace / path, path.as_posix()) if has_copy else None
    # Compared at each load, not by time or digest of the file: the copy may be right although
    # `case.yaml` is newer, and wrong although nobody has touched it since.
    if stale := differing_keys(written, values):
        place = stale[0] or "the whole file"
        raise ConfigError(
            path.as_posix(),
            expected=f"what {case_path(name).as_posix()} and the files it names come to",
            found=f"something else in {place}" if written is not None else "no such file",
            remedy="Run `./portcullis sync`, look at the difference, and commit it.",
        )
    return values


def section(name: str, key: str, model: type[P], workspace: Path) -> P:
    """Return a section (dotted: `limits.train`) of a use case, validated by its parameter class.

    Raises:
        ConfigError: As `load_case` and `section_in`.
    """
    return section_in(load_case(name, workspace), name, key, model)


def section_in(case_values: dict[str, Any], name: str, key: str, model: type[P]) -> P:
    """Return a section of a use case whose values are already loaded, validated.

    Raises:
        ConfigError: There is no such section, or a field of it is wrong or empty.
    """
    values: Any = case_values
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            raise ConfigError(
                case_path(name).as_posix(),
                expected=f"a section `{key}`",
                found="none",
                remedy=f"Add it; its fields are those of {model.__module__}.{model.__name__}.",
            )
        values = values[part]

    return validated(model, values, f"{case_path(name).as_posix()}, `{key}`")


def validated(model: type[P], values: Any, where: str) -> P:
    """Return `values` as `model`.

    Raises:
        ConfigError: A field is wrong; several are a `SeveralFaultsError`.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = config_faults(model, error, where)
        # In words of ours: pydantic's own text quotes what somebody wrote.
        raise (faults[0] if len(faults) == 1 else SeveralFaultsError(faults)) from error


def validated_file(model: type[P], path: Path, *, expected: str, remedy: str) -> P:
    """Return a YAML file beside the use cases (a reason map, recognisers, a list) as `model`.

    Raises:
        ConfigError: It is absent, no YAML, or says something else.
    """
    if not path.is_file():
        raise ConfigError(path.as_posix(), expected=expected, found="none", remedy=remedy)
    return validated(model, read_yaml(path), path.as_posix())
