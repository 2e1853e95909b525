"""What has to be answered, the law that asks it, and the threats: data of `configs/governance`."""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from tasks.config.strict import StrictModel
from tasks.errors import ConfigError
from tasks.formats.canonical_json import canonical
from tasks.formats.digests import sha256_of
from tasks.formats.yaml_file import read_yaml

FOLDER = Path("configs") / "governance"
M = TypeVar("M", bound=StrictModel)


class Provision(StrictModel):
    """One provision of law, guidance or a framework, with the days between which it holds."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    jurisdiction: str
    status: Literal["law", "guidance", "framework", "withdrawn"]
    valid_from: date | None
    valid_to: date | None
    verified: bool
    source: str
    text: str
    cited_as: tuple[str, ...]

    @model_validator(mode="after")
    def _withdrawn_has_an_end(self) -> "Provision":
        if self.status == "withdrawn" and self.valid_to is None:
            raise ValueError("what is withdrawn has a last day: `valid_to`")
        return self

    def is_ahead(self, day: date) -> bool:
        """Say whether it is not yet in force on a day."""
        return self.valid_from is not None and day < self.valid_from

    def is_past(self, day: date) -> bool:
        """Say whether it is no longer in force on a day."""
        return self.valid_to is not None and day > self.valid_to

    def is_current(self, day: date) -> bool:
        """Say whether it may be cited as current on a day."""
        return not self.is_ahead(day) and not self.is_past(day)


class Requirement(StrictModel):
    """One thing that has to be answered: by evidence, by a person, or by both."""

    id: str = Field(pattern=r"^[A-Z][A-Za-z0-9.-]+$")
    part: str
    law: str
    clause: str
    text: str
    kind: Literal["fact", "draft", "person"]
    owner: str
    due_days: int = Field(ge=1)
    evidence: tuple[str, ...] = ()
    is_pass_needed: bool = False
    not_applicable: str = ""

    @model_validator(mode="after")
    def _is_answered_by_something(self) -> "Requirement":
        # A fact without evidence would be answered by nothing, and a person's field by a machine.
        if (self.kind == "person") == bool(self.evidence):
            raise ValueError("`evidence` goes with kinds `fact` and `draft`, and only with them")
        return self

    @property
    def sha256(self) -> str:
        """The digest of what is asked: an answer to other words is no answer to these."""
        # Not of owner or days: to give a question to somebody else does not make its answer stale.
        values = {"id": self.id, "clause": self.clause, "text": self.text}
        return sha256(canonical(values)).hexdigest()


class DossierProfile(StrictModel):
    """Which parts a dossier has, and whose answers need a second signature."""

    title: str
    parts: tuple[str, ...] = Field(min_length=1)
    second_person: tuple[str, ...] = ()


class ThreatRow(StrictModel):
    """One threat: what stands against it, the tests that try it, and what evidence says of it."""

    id: str
    stride: Literal["Spoofing", "Tampering", "Repudiation", "Disclosure", "Denial", "Elevation"]
    text: str
    atlas: tuple[str, ...] = ()
    control: str
    tests: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    residual: str
    owner: str
    due_days: int = Field(ge=1)


class _Law(StrictModel):
    provisions: tuple[Provision, ...]


class _Requirements(StrictModel):
    requirements: tuple[Requirement, ...]


class _Threats(StrictModel):
    threats: tuple[ThreatRow, ...]


class _Profiles(StrictModel):
    profiles: dict[str, DossierProfile]
    default: str
    cases: dict[str, str] = {}


@dataclass(frozen=True)
class Governance:
    """All of it, held together: no requirement is of a law that the register does not have.

    `digests` are those of its files, by path: nothing signs for them, so a dossier names them.
    """

    law: dict[str, Provision]
    requirements: tuple[Requirement, ...]
    profiles: dict[str, DossierProfile]
    threats: tuple[ThreatRow, ...]
    default: str
    cases: dict[str, str]
    digests: dict[str, str]

    def profile_of(self, case: str, asked: str | None) -> str:
        """Return the profile of a dossier: that which is asked for, else the use case's own.

        Raises:
            ConfigError: There is none of this name.
        """
        name = asked or self.cases.get(case, self.default)
        if name not in self.profiles:
            raise ConfigError(
                "--profile",
                expected=f"one of {', '.join(self.profiles)}",
                found="another",
                remedy="configs/governance/profiles.yaml has them.",
            )

        return name

    def required_by(self, profile: str) -> tuple[Requirement, ...]:
        """Return the requirements of a profile's parts, in their order."""
        parts = self.profiles[profile].parts
        return tuple(row for row in self.requirements if row.part in parts)

    def requirement(self, requirement_id: str) -> Requirement:
        """Return a requirement by its id.

        Raises:
            ConfigError: There is none.
        """
        for row in self.requirements:
            if row.id == requirement_id:
                return row

        raise ConfigError(
            "a requirement",
            expected="an id of configs/governance/requirements.yaml, like DPIA-7b",
            found="another",
            remedy="`./portcullis dossier` lists what is missing, with ids.",
        )


def load_governance(workspace: Path) -> Governance:
    """Read `configs/governance`.

    Raises:
        ConfigError: A file is missing or says what it may not, or two of them disagree.
    """
    law = _read(workspace, "law.yaml", _Law).provisions
    requirements = _read(workspace, "requirements.yaml", _Requirements).requirements
    threats = _read(workspace, "threats.yaml", _Threats).threats
    profiles = _read(workspace, "profiles.yaml", _Profiles)
    by_id = {row.id: row for row in law}

    # Ids first: a row that is looked up below is the only one of its id.
    _require_unique("law.yaml", [row.id for row in law])
    _require_unique("requirements.yaml", [row.id for row in requirements])
    _require_unique("threats.yaml", [row.id for row in threats])

    # Then names across files: a wrong one is told here, with its file, and not by a page that
    # needs it.
    _require_known("requirements.yaml", "law", [row.law for row in requirements], set(by_id))
    parts = {row.part for row in requirements}
    asked = [part for profile in profiles.profiles.values() for part in profile.parts]
    _require_known("profiles.yaml", "part", asked, parts)
    named = [profiles.default, *profiles.cases.values()]
    _require_known("profiles.yaml", "profile", named, set(profiles.profiles))

    names = ("law.yaml", "profiles.yaml", "requirements.yaml", "threats.yaml")
    return Governance(
        law=by_id,
        requirements=requirements,
        profiles=profiles.profiles,
        threats=threats,
        default=profiles.default,
        cases=profiles.cases,
        digests={
            (FOLDER / name).as_posix(): sha256_of(workspace / FOLDER / name) for name in names
        },
    )


def _read(workspace: Path, name: str, kind: type[M]) -> M:
    path = FOLDER / name
    try:
        return kind.model_validate(read_yaml(workspace / path, path.as_posix()))
    except ValidationError as error:
        # Without the input: a value that somebody wrote is not repeated in a message.
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise ConfigError(
            path.as_posix(),
            expected="rows as docs/dossier.md describes them",
            found=f"a fault at `{place}`",
            remedy="Mend the row.",
        ) from error


def _require_unique(name: str, ids: list[str]) -> None:
    if len(set(ids)) < len(ids):
        twice = next(row for row in ids if ids.count(row) > 1)
        raise ConfigError(
            (FOLDER / name).as_posix(),
            expected="an id once",
            found=f"`{twice}` twice",
            remedy="Give one of them another id.",
        )


def _require_known(name: str, what: str, used: list[str], known: set[str]) -> None:
    if unknown := sorted(set(used) - known):
        raise ConfigError(
            (FOLDER / name).as_posix(),
            expected=f"a {what} that the registers of the same folder have",
            found=f"`{unknown[0]}`",
            remedy="Mend the name, or add the row.",
        )
