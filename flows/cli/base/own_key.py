"""The key of the person at the terminal, by which they sign for themselves."""

from pathlib import Path
from typing import Annotated

import typer

from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import ConfigError
from tasks.system.installation import Installation

KEY = "PORTCULLIS_APPROVER_KEY"

OwnKey = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=f"Your key (default: ${KEY}); `keys make` makes one.",
        show_default=False,
    ),
]


def load_own_key(
    path: Path | None, installation: Installation, *, alternative: str = "", enrolment: str = ""
) -> LocalSigner:
    """Return the signer of a person's own key.

    Args:
        path: As `--key` names it; None for the one that the environment names.
        installation: Whose settings.
        alternative: What the command takes instead of a key, for the error.
        enrolment: What `keys enrol` needs besides, for the error.

    Raises:
        ConfigError: No key is named, or its file is missing or can be read by others.
    """
    named = installation.settings.approver_key_path
    # A key that is named and is not there is never replaced by the environment's: somebody else's
    # key would sign.
    path = path or (installation.settings.from_caller(named) if named else None)
    if path is None or not path.is_file():
        raise ConfigError(
            "your key",
            expected=f"--key FILE or ${KEY}{alternative}",
            found="no such file",
            remedy="`./portcullis keys make FILE`, then have it enrolled: "
            f"`keys enrol{enrolment}`.",
        )

    return LocalSigner.load(path)
