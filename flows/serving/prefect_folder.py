"""Whether Prefect can keep its files where the environment sends it, asked before it is started.

Prefect itself ends with a traceback of its database where its folder cannot be made.
"""

import os
from pathlib import Path

from tasks.errors import ConfigError
from tasks.formats.shown import kind_of_error
from tasks.settings import Settings


def prefect_folder(settings: Settings) -> Path:
    """Return Prefect's folder: `$PREFECT_HOME`, else `.prefect` in the account's home."""
    if settings.prefect_home:
        return Path(settings.prefect_home).expanduser()

    try:
        return Path.home() / ".prefect"
    except RuntimeError as error:  # no HOME, and a number that no account has
        raise ConfigError(
            "$PREFECT_HOME",
            expected="a folder for Prefect's files",
            found="none, and no home of this account either",
            remedy="Set it, or set HOME.",
        ) from error


def check_prefect_folder(settings: Settings) -> None:
    """Refuse a folder that cannot be made or written to.

    Raises:
        ConfigError: It says which.
    """
    folder = prefect_folder(settings)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_usable = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
        found = "one that you may not write to"
    except OSError as error:
        is_usable = False
        found = kind_of_error(error)

    if not is_usable:
        raise ConfigError(
            f"{folder} ($PREFECT_HOME, else .prefect in your home)",
            expected="a folder for Prefect's files",
            found=found,
            remedy="Set PREFECT_HOME to a folder of your own, or unset it where it is another's.",
        )
