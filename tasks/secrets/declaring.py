"""`$PORTCULLIS_SECRETS`: the one file that says which secret comes from where."""

from functools import cached_property
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from tasks.config.strict import StrictModel
from tasks.errors import ConfigError
from tasks.formats.yaml_file import read_yaml
from tasks.secrets.references import (
    AccountReference,
    FieldReference,
    LoginReference,
    SecretReference,
    parse_account,
    parse_reference,
)
from tasks.settings import VARIABLES
from tasks.system.bao import BaoServer

LOOPBACK = ("127.0.0.1", "::1", "localhost")
ACCESS_KEY = "AWS_ACCESS_KEY_ID"
SECRET_KEY = "AWS_SECRET_ACCESS_KEY"
SIGNING_TOKEN = "PORTCULLIS_SIGNING_TOKEN"
# Prefect reads these by itself, from the environment of the process that uses it.
PREFECT_NAMES = frozenset({"PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"})
S3_NAMES = frozenset({ACCESS_KEY, SECRET_KEY})


class AppRoleLogin(StrictModel):
    """Login by a role id and a secret id; both are references."""

    role_id: str
    secret_id: str
    mount: str = "approle"


class JwtLogin(StrictModel):
    """Login by a token of an identity provider, such as a workload's; it is a reference."""

    role: str
    token: str
    mount: str = "jwt"


class BaoSection(StrictModel):
    """Which server is asked, and how this service logs in: in exactly one way.

    Attributes:
        address: Its URL, `https://`, or `http://` on this machine alone.
        ca_file: The authority that signed its certificate; empty for the machine's own.
        namespace: The namespace in which everything lies; empty for the outermost.
        approle: Login by AppRole.
        jwt: Login by a token of an identity provider.
        token: A reference to a token that somebody else renews, such as an agent's file.
        refresh_seconds: After how many seconds a secret is read anew: so long a rotation takes.
    """

    address: str
    ca_file: str = ""
    namespace: str = ""
    approle: AppRoleLogin | None = None
    jwt: JwtLogin | None = None
    token: str = ""
    refresh_seconds: float = Field(default=30, gt=0, le=3600)

    @field_validator("address")
    @classmethod
    def _is_protected(cls, value: str) -> str:
        parts = urlsplit(value)
        is_local = parts.scheme == "http" and parts.hostname in LOOPBACK
        # An `@` would be a login in the address, which stands in messages.
        if not (parts.scheme == "https" or is_local) or not parts.netloc or "@" in parts.netloc:
            raise ValueError("has to begin with https://, or http:// on this machine alone")
        return value

    @model_validator(mode="after")
    def _logs_in_one_way(self) -> Self:
        if sum(map(bool, (self.approle, self.jwt, self.token))) != 1:
            raise ValueError("exactly one of approle, jwt and token")
        return self

    @property
    def server(self) -> BaoServer:
        """The server as the client takes it."""
        return BaoServer(self.address, self.ca_file, self.namespace)


class SecretsFile(StrictModel):
    """Where the secrets of one service come from.

    Attributes:
        bao: The server of references that begin with `bao:`.
        secrets: A secret variable of docs/settings.md, or of S3, and the reference to its value.
        databases: `host:port/name` of a PostgreSQL database, and who connects to it.
    """

    bao: BaoSection | None = None
    secrets: dict[str, str] = {}
    databases: dict[str, str] = {}

    @cached_property
    def references(self) -> dict[str, SecretReference]:
        """The references of secrets, read."""
        return {
            name: parse_reference(text, f"$PORTCULLIS_SECRETS, secrets, {name}")
            for name, text in self.secrets.items()
        }

    @cached_property
    def accounts(self) -> dict[str, AccountReference]:
        """The references of accounts, read."""
        return {
            name: parse_account(text, f"$PORTCULLIS_SECRETS, databases, {name}")
            for name, text in self.databases.items()
        }


def read_secrets_file(path: Path) -> SecretsFile:
    """Read the file, and every reference in it.

    Raises:
        ConfigError: It is absent or not valid; no value of it is quoted.
    """
    declared = _validated(path)
    for name in declared.secrets:
        # A misspelt name would be declared and never read, and the variable of the right one would
        # hold.
        if name not in secret_names():
            raise ConfigError(
                f"{path}, secrets",
                expected="names of secret variables that docs/settings.md lists, or of S3",
                found="another name",
                remedy=f"Take one of: {', '.join(sorted(secret_names()))}.",
            )

    for name, reference in declared.references.items():
        if isinstance(reference, LoginReference) and name != SIGNING_TOKEN:
            raise ConfigError(
                f"{path}, secrets, {name}",
                expected="the secret's own place",
                found="this service's login",
                remedy=f"Only {SIGNING_TOKEN} may be `{reference}`.",
            )

    needs_bao = bool(declared.accounts) or any(
        isinstance(reference, FieldReference | LoginReference)
        for reference in declared.references.values()
    )
    if needs_bao and declared.bao is None:
        raise ConfigError(
            f"{path}, bao",
            expected="the server of references that begin with `bao:`",
            found="none",
            remedy="Name its address and the login; docs/secrets.md shows one.",
        )
    return declared


def secret_names() -> frozenset[str]:
    """Return the names whose values a reference may give."""
    ours = {variable.name for variable in VARIABLES if variable.is_secret and variable.field}
    return S3_NAMES | PREFECT_NAMES | ours - {"PORTCULLIS_SECRET_"}


def _validated(path: Path) -> SecretsFile:
    try:
        return SecretsFile.model_validate(read_yaml(path) or {})
    except ValidationError as error:
        # The first one alone: a file of references is short, and what it says may be secrets in the
        # wrong place.
        first = error.errors(include_input=False, include_url=False)[0]
        fault = str(first["msg"])

        # Only names of ours: a key that somebody else wrote may be a secret in the wrong place.
        fields = [part for part in first["loc"][:2] if part in BaoSection.model_fields]
        section = [part for part in first["loc"][:1] if part in SecretsFile.model_fields]

        where = ", ".join(map(str, [path, *section, *fields]))
    # Outside of `except`: the cause holds what stood there, and a traceback would show it.
    raise ConfigError(
        where,
        expected="what docs/secrets.md lists",
        found=fault,
        remedy="Mend the field; nothing was started.",
    )
