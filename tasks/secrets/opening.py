"""Open an installation whose settings ask for a declared secret when it is used, and not before."""

import atexit
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import ConfigError
from tasks.settings import VARIABLES, Reader, Settings
from tasks.system.installation import Installation

if TYPE_CHECKING:
    from tasks.secrets.provider import Secrets

# By the field of `Settings`; families, such as PORTCULLIS_SECRET_…, are keys of their own.
DECLARABLE = {
    variable.field: variable
    for variable in VARIABLES
    if variable.is_secret and variable.field and not variable.suffixes
}


def open_with_secrets(workspace: Path, environ: Mapping[str, str]) -> Installation:
    """Open an installation as `Installation.open` does, with secrets by reference.

    Raises:
        ConfigError: Its environment or `$PORTCULLIS_SECRETS` is not valid.
    """
    return with_references(Installation.open(workspace, environ), environ)


def look_with_secrets(workspace: Path, environ: Mapping[str, str]) -> Installation:
    """Open one as `Installation.look` does, and make nothing.

    Raises:
        ConfigError: Its environment or `$PORTCULLIS_SECRETS` is not valid.
    """
    return with_references(Installation.look(workspace, environ), environ)


def with_references(installation: Installation, environ: Mapping[str, str]) -> Installation:
    """Return an installation whose secrets come from where `$PORTCULLIS_SECRETS` says.

    Raises:
        ConfigError: The file is absent or not valid.
    """
    settings = installation.settings
    if not settings.secrets_file:
        return installation
    # Only here: it brings pydantic, and most processes never need it.
    from tasks.secrets.declaring import PREFECT_NAMES
    from tasks.secrets.provider import open_secrets

    provider = open_secrets(settings, dict(environ))
    # Leases and token are given back when a command ends: else they live on until they expire.
    atexit.register(_close, provider, os.getpid())
    for name in PREFECT_NAMES:
        # Before Prefect is imported. Its own children inherit them, and stages do not.
        if provider.declares(name):
            os.environ[name] = provider.read(name)
    return replace(installation, settings=ReferencedSettings(settings, provider))


class ReferencedSettings(Settings):
    """Settings whose secrets are read anew at each use, from where `$PORTCULLIS_SECRETS` says.

    Nothing is asked for until then: a command that needs no secret logs in nowhere.
    """

    _provider: "Secrets"

    def __init__(self, plain: Settings, provider: "Secrets") -> None:
        """Take over what is no secret."""
        for item in fields(plain):
            # `Settings` is frozen.
            object.__setattr__(self, item.name, getattr(plain, item.name))
        object.__setattr__(self, "_provider", provider)

    def __getattribute__(self, name: str) -> Any:
        """Return a field; a secret comes from where the file says, else from its variable."""
        # Every field passes here; what is no secret goes on as it is.
        variable = DECLARABLE.get(name)
        if variable is None:
            return super().__getattribute__(name)
        if self._provider.is_login(variable.name):
            _require_same_server(self.signing_address, self._provider)
        return self._provider.setting(variable.name)

    @property
    def s3_keys(self) -> tuple[str, str] | None:
        """The keys of S3, where the file declares them."""
        return self._provider.s3_keys

    def stage_secrets(self) -> dict[str, str]:
        """Return the declared secrets that a stage's own code reads, by variable."""
        return {
            variable.name: self._provider.setting(variable.name)
            for variable in DECLARABLE.values()
            if Reader.STAGE in variable.readers and self._provider.declares(variable.name)
        }

    def __repr__(self) -> str:
        """Show no field: to look at a secret would ask for it."""
        return "ReferencedSettings(…)"


def _close(provider: "Secrets", opened_by: int) -> None:
    # A child that was forked ends as well, and the login is its parent's.
    if os.getpid() == opened_by:
        provider.close()


def _require_same_server(address: str, provider: "Secrets") -> None:
    """Refuse to send the token of a login to another server than the one that gave it.

    Raises:
        ConfigError: The settings would do that.
    """
    if address.rstrip("/") == provider.address:
        return

    raise ConfigError(
        "$PORTCULLIS_SIGNING_VAULT_ADDR",
        expected="the address of `bao` in $PORTCULLIS_SECRETS, whose login signs",
        found="another one",
        remedy="Give both the same address, or declare a token of its own.",
    )
