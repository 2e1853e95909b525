"""One installation: a checkout, the folder of what must never be committed, and the settings.

It is opened where a process starts, and handed on: nothing below finds a folder by itself.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import ConfigError
from tasks.settings import Settings
from tasks.system.secrets import decode_key, read_or_make_key

SECRET_PREFIX = "PORTCULLIS_SECRET_"


@dataclass(frozen=True)
class Installation:
    """Where a process works and what it works under.

    Attributes:
        workspace: The checkout: code, `configs/`, `data/` and `dvc.lock`.
        home: The folder of keys, ledger and databases: absolute, there, and of this account.
        settings: What the environment said when the process started.
    """

    workspace: Path
    home: Path
    settings: Settings

    @classmethod
    def open(cls, workspace: Path, environ: Mapping[str, str]) -> "Installation":
        """Read the environment, and make `home` where it is not there.

        It is `$PORTCULLIS_HOME`, else `.portcullis/` in the workspace.

        Raises:
            ConfigError: The environment holds an unknown variable of ours; or `home` is a relative
                path, which would be another folder for each process; or it cannot be written to.
        """
        installation = cls.look(workspace, environ)
        _make_own_folder(installation.home)
        return installation

    @classmethod
    def look(cls, workspace: Path, environ: Mapping[str, str]) -> "Installation":
        """Read the environment, and make nothing; `home` may not be there.

        Raises:
            ConfigError: The environment does not allow any installation.
        """
        settings = Settings.from_environment(environ)
        if settings.home and not Path(settings.home).is_absolute():
            raise ConfigError(
                "$PORTCULLIS_HOME",
                expected="an absolute path",
                found="a relative one",
                remedy="Give the whole path: stages and commands run in different folders.",
            )

        home = Path(settings.home or workspace / ".portcullis").absolute()
        return cls(workspace, home, settings)

    def secret(self, name: str) -> bytes:
        """Return the 32-byte secret `name`.

        It is `$PORTCULLIS_SECRET_<NAME>` in hex, else a key file in `home`, made on first use.

        Raises:
            ConfigError: It is not 32 bytes in hex, or others may read the file.
        """
        variable = secret_variable(name)
        if text := self.settings.secrets.get(variable):
            return decode_key(text, f"${variable}")
        return read_or_make_key(self.home / f"{name}.key")

    def existing_secret(self, name: str) -> bytes | None:
        """Return a secret if it is there; None where `secret` would make it.

        Raises:
            ConfigError: It is not 32 bytes in hex, or others may read the file.
        """
        path = self.home / f"{name}.key"
        is_present = self.settings.secrets.get(secret_variable(name)) or os.path.lexists(path)
        return self.secret(name) if is_present else None

    @property
    def has_root_key(self) -> bool:
        """Whether there is a root key of the key store, wherever the settings say it is kept."""
        settings = self.settings
        return bool(
            (settings.vault_address and settings.transit_key)
            or settings.secrets.get(secret_variable("root"))
            or os.path.lexists(self.home / "root.key")
        )


def secret_variable(name: str) -> str:
    """Return the environment variable that may hold a secret."""
    return SECRET_PREFIX + name.upper().replace("-", "_")


def _make_own_folder(folder: Path) -> None:
    """Make a folder that only this account can read, or check one that is there already."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise _not_own(folder, type(error).__name__) from error

    # Root may use anybody's folder: in a container the volume often belongs to another account.
    if os.getuid() not in (0, owner):
        raise _not_own(folder, "one of another account")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(
            str(folder),
            expected="a folder for keys, ledger and databases",
            found="one that may not be written to",
            remedy="Mend its mode or its mount; nothing was lost, and nothing was done.",
        )


def _not_own(folder: Path, fault: str) -> ConfigError:
    return ConfigError(
        str(folder),
        expected="a folder of one's own, for keys, ledger and databases",
        found=fault,
        remedy="Set PORTCULLIS_HOME to a folder that belongs to the account that runs this.",
    )
