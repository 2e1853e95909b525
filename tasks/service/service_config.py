"""What the administrator of the service decides, in a file that root alone may write to."""

import grp
import os
import pwd
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tasks.errors import ConfigError


def _require_absolute(path: Path) -> Path:
    # A session stands in the checkout of its use case: a relative path would be another there.
    if not path.is_absolute():
        raise ValueError("no absolute path")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_require_absolute)]


class Accounts(BaseModel):
    """The operating system's accounts, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    worker: str
    stage: str
    clients: str = Field(description="the group whose members may ask the worker")


class Places(BaseModel):
    """Where the service keeps things; absolute paths."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: AbsolutePath
    socket: AbsolutePath
    shown_to_stages: tuple[AbsolutePath, ...] = Field(
        default=(),
        description="what else of the file system stages may read: a database's socket, deliveries",
    )


class Code(BaseModel):
    """Which commits may be released: of a protected ref of the remote, or signed by a known key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    remote: str
    refs: tuple[str, ...] = ()
    allowed_signers: AbsolutePath | None = None


class Environments(BaseModel):
    """Variables of the worker's process and of a stage's; no other environment counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    worker: dict[str, str] = {}
    stage: dict[str, str] = {}


class StageNetwork(BaseModel):
    """What stages may reach: nothing, but for those whose sources lie elsewhere; or all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stages: Literal["none", "host"] = Field(
        default="none", description="`host` where the key store is reached by TCP"
    )


class Limits(BaseModel):
    """How much a stage or a client may take, so that the service stays there for the others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage_seconds: int = Field(default=6 * 3600, ge=1)
    stage_processes: int = Field(
        default=4096, ge=64, description="and threads, of all stages of the account together"
    )
    stage_disk_mib: int = Field(default=20 * 1024, ge=1, description="outputs and temporary files")
    free_disk_mib: int = Field(
        default=1024, ge=0, description="stages are ended before the state's disk has less"
    )
    sessions: int = Field(default=32, ge=1)
    sessions_per_account: int = Field(default=8, ge=1)
    request_seconds: int = Field(
        default=30, ge=1, description="until a connection has begun a release"
    )
    idle_seconds: int = Field(
        default=60, ge=1, description="of silence, after which others have the use case's turn"
    )
    silent_seconds: int = Field(default=24 * 3600, ge=1, description="until a session is ended")


class ServiceConfig(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accounts: Accounts
    places: Places
    code: Code
    environment: Environments = Environments()
    network: StageNetwork = StageNetwork()
    limits: Limits = Limits()


@dataclass(frozen=True)
class Account:
    """An account's numbers and home."""

    name: str
    uid: int
    gid: int


def read_service_config(path: Path) -> ServiceConfig:
    """Return what the file says.

    Raises:
        ConfigError: Another account than root may write to it, or it says something else.
    """
    text = _read_of_root(path)
    try:
        values: Any = tomllib.loads(text.decode())
        config = ServiceConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _wrong(path, "a valid configuration", f"{place}: {first['msg']}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(path, "TOML", str(error)) from error

    # Who can add a signer can release what they like.
    if config.code.allowed_signers is not None:
        _read_of_root(config.code.allowed_signers)
    return config


def _read_of_root(path: Path) -> bytes:
    """Return the bytes of a file that root alone may write to.

    Raises:
        ConfigError: It is none.
    """
    try:
        # Of the open file, not of its name: it could be exchanged between a look and the reading.
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            text = stream.read()
    except OSError as error:
        raise _wrong(path, "a file", type(error).__name__) from error

    # Who may change this file decides which commits are released, and by which account.
    if status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _wrong(path, "a file that root alone may write to", "another owner or mode")
    return text


def account(name: str) -> Account:
    """Return an account of this machine.

    Raises:
        ConfigError: There is none of that name.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise ConfigError(
            f"account `{name}`",
            expected="an account of this machine",
            found="none",
            remedy=f"Make it: `useradd --system --shell /usr/sbin/nologin {name}`.",
        ) from error

    return Account(name, entry.pw_uid, entry.pw_gid)


def group_id(name: str) -> int:
    """Return the number of a group.

    Raises:
        ConfigError: There is none of that name.
    """
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise ConfigError(
            f"group `{name}`",
            expected="a group of this machine",
            found="none",
            remedy=f"Make it: `groupadd --system {name}`.",
        ) from error


def _wrong(path: Path, expected: str, found: str) -> ConfigError:
    return ConfigError(
        str(path),
        expected=expected,
        found=found,
        remedy="docs/enforced.md has an example.",
    )
