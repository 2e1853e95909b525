"""What an operator allows of what is shipped: `configs/supply-chain.yaml`."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from tasks.errors import ConfigError
from tasks.formats.yaml_file import read_yaml

DEFAULT_FILE = "configs/supply-chain.yaml"
LOOPBACK = ("127.0.0.1", "::1", "localhost")

# As PyPI compares names (`PyYAML`, `pyyaml`, `py_yaml`): an exception that is spelt another way
# than the lock would fit nothing.
PackageName = Annotated[str, Field(min_length=1), AfterValidator(canonicalize_name)]


class Severity(StrEnum):
    """How bad a vulnerability is, in GitHub's words, which OSV's records carry."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    CRITICAL = "critical"


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoDatabase(_Declared):
    """There is none: vulnerabilities are not measured, which is said and is no pass."""

    kind: Literal["none"]
    reason: str = Field(min_length=1)


class OsvService(_Declared):
    """OSV's own service, asked by pip-audit.

    Attributes:
        url: Where to ask, where it is a mirror: `https://`, or `http://` on this machine alone;
            else pip-audit's own default.
        timeout_seconds: How long one answer may take.
    """

    kind: Literal["osv"]
    url: str | None = None
    timeout_seconds: int = Field(default=15, gt=0, le=120)

    @field_validator("url")
    @classmethod
    def _is_protected(cls, value: str | None) -> str | None:
        """Refuse an address on whose way somebody could answer "no vulnerability" in its place."""
        if value is None:
            return None

        # In words that quote nothing: they are shown.
        fault = "an address without TLS that is not this machine's"
        try:
            parts = urlsplit(value)
        except ValueError as error:
            raise ValueError(fault) from error

        # No login before the host: urllib3 ends the host at a backslash, where this parser reads
        # `elsewhere\@localhost` as this machine.
        is_local = parts.scheme == "http" and parts.hostname in LOOPBACK and "@" not in parts.netloc
        if not (parts.scheme == "https" or is_local) or not parts.hostname:
            raise ValueError(fault)
        return value


class MountedDatabase(_Declared):
    """An export of OSV's records of PyPI, a zip file or a folder of JSON files.

    Attributes:
        path: Where it lies; relative to the checkout, or absolute.
        most_age_days: How old its newest record may be. There is no default.
    """

    kind: Literal["mounted"]
    path: Path
    most_age_days: int = Field(ge=0, le=365)


class StatedLicence(_Declared):
    """What a package is licensed under, where its own metadata do not say it in SPDX.

    Attributes:
        version: For this version alone: another one may have changed it.
        expression: In SPDX.
        reason: How it is known.
    """

    version: str
    expression: str = Field(min_length=1)
    reason: str = Field(min_length=1)


class Licences(_Declared):
    """Which licences may be shipped."""

    allowed: frozenset[str] = Field(min_length=1)
    stated: dict[PackageName, StatedLicence] = {}


class AcceptedVulnerability(_Declared):
    """A vulnerability that somebody answers for, until a day.

    Attributes:
        id: Its id, or one of its aliases.
        package: Of which package.
        reason: Why it does no harm here.
        owner: Who answers for it, a staff id.
        expires: The last day on which it is accepted.
    """

    id: str = Field(min_length=1)
    package: PackageName
    reason: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    expires: date


class SupplyChain(_Declared):
    """All that is declared.

    Attributes:
        locks: What is shipped: each package of these has to be installed.
        optional_locks: What is shipped where it is installed.
        tool_locks: What may be installed besides, and is never shipped: the tools of tests.
        allowed_severities: Vulnerabilities of these are shown, and block nothing. There is no
            default; one whose severity nobody states is never allowed.
        database: Where vulnerabilities are looked up.
        accepted: Vulnerabilities that are accepted.
        licences: Licences that are allowed.
    """

    locks: tuple[str, ...] = Field(min_length=1)
    optional_locks: tuple[str, ...] = ()
    tool_locks: tuple[str, ...] = ()
    allowed_severities: frozenset[Severity]
    database: Annotated[NoDatabase | OsvService | MountedDatabase, Field(discriminator="kind")]
    accepted: tuple[AcceptedVulnerability, ...] = ()
    licences: Licences


def read_supply_chain(path: Path) -> SupplyChain:
    """Read what is declared.

    Raises:
        ConfigError: It is not there, or not valid; the error names the field.
    """
    values = read_yaml(path)
    try:
        return SupplyChain.model_validate(values)
    except ValidationError as error:
        # By the field's name and the kind of the fault: an error quotes nothing of the file.
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "the whole"

        # A key that nobody declared is a text of the file's: it is not shown.
        known = field if field in SupplyChain.model_fields else "a key"

        # Only validators of this file raise a ValueError, and in words of their own.
        is_ours = first["type"] == "value_error"
        kind = str(first["ctx"]["error"]) if is_ours else first["type"].replace("_", " ")

        raise ConfigError(
            f"{path.name}: {known}",
            expected="what docs/supply-chain.md says of it",
            found=kind,
            remedy="Correct it.",
        ) from error
