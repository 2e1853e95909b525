"""References to secrets, as a configuration may hold them: where a secret is, never what it is.

| reference | is |
|---|---|
| `env:NAME` | the variable NAME of this process |
| `file:/run/secrets/x` | the file's content, without the line break at its end |
| `bao:kv/portcullis/registry#session_key` | a field of a secret in a KV engine, version 2 |
| `bao:login` | the token of this service's own login, for signing by Transit |
| `bao:database/creds/portcullis-registry` | an account that a database engine leases |
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import ConfigError

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# Neither `..` nor anything that a URL would read otherwise than a policy of OpenBao does.
SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}"
FIELD = re.compile(rf"bao:({SEGMENT})/({SEGMENT}(?:/{SEGMENT})*)#({SEGMENT})")
LOGIN = "bao:login"
ACCOUNT = re.compile(rf"bao:({SEGMENT})/creds/({SEGMENT})")


@dataclass(frozen=True)
class VariableReference:
    """A variable of the environment."""

    name: str

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"env:{self.name}"


@dataclass(frozen=True)
class FileReference:
    """A file that holds one secret."""

    path: Path

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"file:{self.path}"


@dataclass(frozen=True)
class FieldReference:
    """A field of a secret in a KV engine, version 2."""

    mount: str
    path: str
    field: str

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"bao:{self.mount}/{self.path}#{self.field}"


@dataclass(frozen=True)
class AccountReference:
    """An account that a database engine makes for whoever asks."""

    mount: str
    role: str

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"bao:{self.mount}/creds/{self.role}"


@dataclass(frozen=True)
class LoginReference:
    """The token of the service's own login."""

    def __str__(self) -> str:
        """Return it as it is written."""
        return LOGIN


SecretReference = VariableReference | FileReference | FieldReference | LoginReference


def parse_reference(text: str, where: str) -> SecretReference:
    """Return the reference to a secret.

    Raises:
        ConfigError: It is none. What stands there is not quoted: it may be the secret itself.
    """
    scheme, _, rest = text.partition(":")

    if scheme == "env" and NAME.fullmatch(rest):
        return VariableReference(rest)

    # Absolute: services start in different folders.
    if scheme == "file" and rest.startswith("/") and "\x00" not in rest:
        return FileReference(Path(rest))

    if text == LOGIN:
        return LoginReference()

    if matched := FIELD.fullmatch(text):
        return FieldReference(*matched.groups())

    raise _no_reference(where, "`env:NAME`, `file:/absolute/path` or `bao:<mount>/<path>#<field>`")


def parse_account(text: str, where: str) -> AccountReference:
    """Return the reference to an account of a database.

    Raises:
        ConfigError: It is none.
    """
    if matched := ACCOUNT.fullmatch(text):
        return AccountReference(*matched.groups())
    raise _no_reference(where, "`bao:<mount>/creds/<role>`")


def _no_reference(where: str, expected: str) -> ConfigError:
    return ConfigError(
        where,
        expected=f"a reference: {expected}",
        found="something else",
        remedy="Write where the secret is. A secret that stood there has leaked: replace it.",
    )
