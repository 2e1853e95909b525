"""What the operator of the server sets, in one YAML file; secrets come from the environment."""

from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tasks.errors import ConfigError
from tasks.formats.yaml_file import read_yaml
from tasks.registry_server.routes import RegistryRole

LOOPBACK = ("127.0.0.1", "::1", "localhost")
# A person who left the group is out within a minute.
MOST_RECHECK_SECONDS = 60


class ServerConfig(BaseModel):
    """The server's configuration; nothing of it is secret.

    Attributes:
        origin: The address in people's browsers, `https://registry.example`.
        hosts: What a request may name as its host, besides that of `origin`.
        issuer: The OpenID provider, exactly as its tokens name it.
        audience: What an access token for this server names.
        client_id: This server's own name at the provider, for signing in by a browser.
        algorithms: By which a token may be signed.
        groups: Which role a group of the provider gives. Never that of the Gatekeeper.
        services: Which role a service account has, by the subject of its tokens.
        groups_claim: The claim that lists somebody's groups.
        longest_token_seconds: For how long a bearer token may be made. A person who left a group
            keeps it that long.
        recheck_seconds: After how many seconds the provider is asked again about a session.
        session_seconds: After how many seconds somebody signs in anew.
        clock_skew_seconds: By how much the provider's clock may differ.
        most_artifact_bytes: The largest file that is taken.
        audit_file: Where the events go, one JSON object a line; others rotate it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str
    hosts: tuple[str, ...] = ()
    issuer: str
    audience: str = Field(min_length=1)
    client_id: str = Field(min_length=1)
    algorithms: tuple[str, ...] = Field(min_length=1)
    groups: dict[str, RegistryRole]
    services: dict[str, RegistryRole]
    groups_claim: str = "groups"
    longest_token_seconds: int = Field(gt=0, le=3600)
    recheck_seconds: int = Field(gt=0, le=MOST_RECHECK_SECONDS)
    session_seconds: int = Field(gt=0, le=12 * 3600)
    clock_skew_seconds: int = Field(ge=0, le=120)
    most_artifact_bytes: int = Field(gt=0)
    audit_file: Path

    @field_validator("origin", "issuer")
    @classmethod
    def _is_protected(cls, value: str) -> str:
        parts = urlsplit(value)
        is_local = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not (parts.scheme == "https" or is_local) or not parts.netloc:
            raise ValueError("has to begin with https://, or http:// on this machine alone")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("has to be an address without query, fragment and login")
        return value

    @field_validator("origin")
    @classmethod
    def _has_no_path(cls, value: str) -> str:
        if urlsplit(value).path:
            raise ValueError("has to end with its host and port")
        return value

    @field_validator("algorithms")
    @classmethod
    def _are_asymmetric(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # With HS256 whoever knows the public key could sign; `none` is no signature.
        allowed = {"RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"}
        if not set(value) <= allowed:
            raise ValueError(f"has to be among {', '.join(sorted(allowed))}")
        return value

    @model_validator(mode="after")
    def _keeps_tokens_apart(self) -> Self:
        # An ID token names the client, an access token the server: one is never taken as the other.
        if self.audience == self.client_id:
            raise ValueError("audience: has to differ from client_id")
        # Groups are in the hands of those who administer the provider.
        if RegistryRole.GATEKEEPER in self.groups.values():
            raise ValueError("groups: the Gatekeeper is a service account, and no group")
        if not self.audit_file.is_absolute():
            raise ValueError("audit_file: has to be an absolute path")
        return self

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the server by TLS."""
        return self.origin.startswith("https://")

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """What a request may name as its host."""
        return frozenset({urlsplit(self.origin).netloc, *self.hosts})


def read_config(path: Path) -> ServerConfig:
    """Read the server's configuration.

    Raises:
        ConfigError: It is not there, or not valid; the error names the field.
    """
    return check_config(read_yaml(path), path)


def check_config(values: dict[str, Any], path: Path) -> ServerConfig:
    """Return a configuration that was read from a file, if it is one.

    Raises:
        ConfigError: It is not valid; the error names the file and the field.
    """
    try:
        return ServerConfig.model_validate(values)
    except ValidationError as error:
        # An error quotes no value: a secret may stand in a wrong field.
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "the whole"
        raise ConfigError(
            f"{path}, {field}",
            expected="what docs/registry-server.md lists",
            found=str(first["msg"]),
            remedy="Mend the field; the server does not start without it.",
        ) from error
