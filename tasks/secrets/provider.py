"""The one provider of secrets: a name in, its value out, wherever it comes from."""

import time
from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from tasks.errors import ConfigError, ServiceError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.secrets.access import AbsentSecretError, BaoAccess
from tasks.secrets.declaring import ACCESS_KEY, S3_NAMES, SECRET_KEY, SecretsFile, read_secrets_file
from tasks.secrets.leases import LeasedAccount
from tasks.secrets.references import (
    FieldReference,
    FileReference,
    LoginReference,
    SecretReference,
    VariableReference,
)
from tasks.secrets.upkeep import Upkeep
from tasks.settings import Settings

MOST_SECRET_BYTES = 64 << 10
POSTGRESQL = ("postgresql://", "postgresql+psycopg://")
POSTGRESQL_PORT = 5432


class Secrets:
    """What one process needs to know, by the names of docs/settings.md. Safe for threads.

    A name that the file does not declare has the value of its variable, as ever. What comes from a
    file or from OpenBao is read again every `refresh_seconds`, so that a rotation needs no restart;
    while OpenBao is away, the value read last stays in use.
    """

    def __init__(self, declared: SecretsFile, environ: Mapping[str, str]) -> None:
        self._declared = declared
        self._environ = environ
        self._lock = RLock()
        self._read_fields: dict[tuple[str, str], tuple[dict[str, str], ...]] = {}
        self._accounts: dict[str, LeasedAccount] = {}
        self._upkeep = Upkeep()
        self._access: BaoAccess | None = None

    def read(self, name: str) -> str:
        """Return a secret; empty where it is neither declared nor in the environment.

        Raises:
            ConfigError: Its file or variable is not there.
            ServiceError: OpenBao is away, sealed, refuses, or has no such field.
        """
        return self.accepted(name)[0]

    def accepted(self, name: str) -> tuple[str, ...]:
        """Return a secret and, where the source keeps it, the one that it replaced."""
        reference = self._declared.references.get(name)
        if reference is None:
            return (self._environ.get(name, ""),)
        return self._values(reference)

    def setting(self, name: str) -> str:
        """Return a secret; a PostgreSQL address without a login gets one that is leased for it."""
        value = self.read(name)
        if not self._declared.accounts or not value.startswith(POSTGRESQL):
            return value

        parts = urlsplit(value)
        # Whoever writes a login into the address means that one.
        if parts.username:
            return value

        account = self.account(f"{parts.hostname}:{parts.port or POSTGRESQL_PORT}{parts.path}")
        if account is None:
            return value

        login = account.current()
        name_and_password = f"{quote(login.name, safe='')}:{quote(login.password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{name_and_password}@{parts.netloc}"))

    def declares(self, name: str) -> bool:
        """Say whether the file has a reference for a name."""
        return name in self._declared.references

    def is_login(self, name: str) -> bool:
        """Say whether a name stands for the token of this service's own login."""
        return isinstance(self._declared.references.get(name), LoginReference)

    @property
    def address(self) -> str:
        """The server's address; empty where the file names none."""
        section = self._declared.bao
        return section.address.rstrip("/") if section is not None else ""

    @property
    def has_s3_keys(self) -> bool:
        """Whether the file says where the keys of S3 come from; else boto3 finds its own."""
        return self._declared.references.keys() >= S3_NAMES

    @property
    def s3_keys(self) -> tuple[str, str] | None:
        """The keys of S3 as they are now, where the file says where they come from."""
        return (self.read(ACCESS_KEY), self.read(SECRET_KEY)) if self.has_s3_keys else None

    def account(self, place: str) -> LeasedAccount | None:
        """Return the account for a database, `host:port/name`; None where none is declared."""
        with self._lock:
            reference = self._declared.accounts.get(place)
            if reference is not None and place not in self._accounts:
                account = LeasedAccount(self.access(), reference)
                account.current()
                self._accounts[place] = account
                self._upkeep.add(account.tend)
            return self._accounts.get(place)

    def access(self) -> BaoAccess:
        """Return the login at OpenBao, whose token signs and wraps by Transit, too.

        Raises:
            ConfigError: The file names no server.
        """
        with self._lock:
            if self._access is None:
                section = self._declared.bao
                if section is None:
                    raise ConfigError(
                        "$PORTCULLIS_SECRETS",
                        expected="the section `bao`",
                        found="none",
                        remedy="Name the server and the login; docs/secrets.md shows one.",
                    )
                # `BaoAccess` takes variables and files alone: this never asks itself.
                self._access = BaoAccess(section, lambda ref: self._values(ref)[0])
                self._upkeep.add(self._access.tend)
                self._upkeep.add(self._refresh)

            return self._access

    def close(self) -> None:
        """Give back every account and the token; nothing is renewed any more."""
        self._upkeep.close()
        if self._access is not None:
            self._access.close()

    def _values(self, reference: SecretReference) -> tuple[str, ...]:
        match reference:
            case VariableReference(name):
                if value := self._environ.get(name):
                    return (value,)

                raise ConfigError(
                    f"${name}",
                    expected="the secret that $PORTCULLIS_SECRETS refers to",
                    found="nothing",
                    remedy="Set the variable, or mend the reference.",
                )

            case FileReference(path):
                return (_content(path),)
            case FieldReference():
                return self._fields(reference)
            case LoginReference():
                return (self.access().token,)

    def _fields(self, reference: FieldReference) -> tuple[str, ...]:
        key = (reference.mount, reference.path)
        with self._lock:
            if key not in self._read_fields:
                self._read_fields[key] = self._fetched(key)
            versions = self._read_fields[key]

        values = tuple(
            version[reference.field] for version in versions if reference.field in version
        )

        # A field that only the earlier version has was taken away: it is no secret any more.
        if not values or reference.field not in versions[0]:
            raise ServiceError(
                str(reference),
                expected="a text in this field",
                found="none",
                remedy="Put it there, or mend the reference in $PORTCULLIS_SECRETS.",
            )

        # The newest first. A field that is equal in both versions is one value, and is tried once.
        return tuple(dict.fromkeys(values))

    def _fetched(self, key: tuple[str, str]) -> tuple[dict[str, str], ...]:
        """Return the newest version of a KV secret, and the one before it where it still is.

        Raises:
            ServiceError: The server does not answer about both.
        """
        mount, path = key
        access = self.access()

        newest = access.ask(f"{mount}/data/{path}")["data"]
        version = int(newest["metadata"]["version"])

        # There is no version 0; to ask for it gives the newest.
        if version == 1:
            return (_texts(newest),)

        try:
            earlier = access.ask(f"{mount}/data/{path}?version={version - 1}")["data"]
        # Somebody deleted it, which ends its use at once. Any other failure says nothing about it:
        # what was read before stays in use, or whoever still shows the secret of before a rotation
        # would be turned away while the server has a bad moment.
        except AbsentSecretError:
            return (_texts(newest),)
        return (_texts(newest), _texts(earlier))

    def _refresh(self) -> float:
        """Read anew what was read; return after how many seconds to come again."""
        section = self._declared.bao
        if section is None:
            raise AssertionError("only a login at OpenBao asks for this")

        started = time.monotonic()
        with self._lock:
            keys = list(self._read_fields)

        failures: list[ServiceError] = []
        # Asked without the lock: who reads a secret meanwhile does not wait for the server.
        for key in keys:
            try:
                fetched = self._fetched(key)
            except ServiceError as error:
                failures.append(error)
                continue
            with self._lock:
                self._read_fields[key] = fetched

        # One failure speaks for all: the chore is tried again as a whole.
        if failures:
            raise failures[0]

        return max(0.1, section.refresh_seconds - (time.monotonic() - started))


def open_secrets(settings: Settings, environ: Mapping[str, str]) -> Secrets:
    """Return the provider that `$PORTCULLIS_SECRETS` describes, else the environment's alone.

    Raises:
        ConfigError: The file is absent or not valid.
    """
    if not settings.secrets_file:
        return Secrets(SecretsFile(), environ)
    return Secrets(read_secrets_file(Path(settings.secrets_file)), environ)


def _content(path: Path) -> str:
    try:
        text = read_regular_file(path, most_bytes=MOST_SECRET_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        # From None: what could not be decoded stands in the error, and is the secret.
        raise ConfigError(
            str(path),
            expected="a file that holds one secret, in UTF-8",
            found=describe_unreadable(error),
            remedy="Check its path, owner and mode, or mend the reference in $PORTCULLIS_SECRETS.",
        ) from None

    # Line breaks alone: blanks may be part of a password.
    if not (value := text.rstrip("\r\n")):
        raise ConfigError(
            str(path), expected="a secret", found="an empty file", remedy="Write it there."
        )
    return value


def _texts(data: dict[str, Any]) -> dict[str, str]:
    return {
        str(name): value for name, value in (data.get("data") or {}).items()
        if isinstance(value, str) and value
    }  # fmt: skip
