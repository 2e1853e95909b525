"""On whose behalf a worker runs a release, and in which mode.

By itself a worker is `local`: the account that asks is the account that judges, and its evidence
says so. The service (`tasks.service`) starts its worker with a mandate, a file that names who asked
and why the commit may be released.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tasks.attestation.run_context import started_by
from tasks.errors import ConfigError
from tasks.formats.strict_json import parse_json
from tasks.system.installation import Installation


class Mode(StrEnum):
    """Who could have had a hand in what is signed."""

    LOCAL = "local"  # whoever owns the machine: honest book-keeping, and no more
    ENFORCED = "enforced"  # nobody whose code or data is judged


@dataclass(frozen=True)
class Mandate:
    """What holds for one release.

    Attributes:
        mode: Who could have had a hand in it.
        actor: Who asked for it.
        ref: The protected ref that the commit is reachable from; empty where none was asked for.
        signer: Whose signature the commit carries; likewise.
        launcher: The socket of what starts stages under another account.
        trees: The folder of snapshots, which the stage's account can read.
    """

    mode: Mode
    actor: str
    trees: Path
    ref: str = ""
    signer: str = ""
    launcher: Path | None = None

    @classmethod
    def of(cls, installation: Installation) -> "Mandate":
        """Return the mandate that this process was started with, else that of a local worker.

        Raises:
            ConfigError: There is one, and it is unreadable.
        """
        path = installation.settings.mandate_path
        if not path:
            return cls(Mode.LOCAL, started_by(installation.settings), installation.home / "trees")

        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                "$PORTCULLIS_MANDATE",
                expected="the file that the service wrote",
                found=type(error).__name__,
                remedy="Unset it: only the service sets it.",
            ) from error

    def to_json(self) -> str:
        """Return the file's text."""
        return json.dumps(
            {
                "mode": self.mode.value,
                "actor": self.actor,
                "trees": str(self.trees),
                "ref": self.ref,
                "signer": self.signer,
                "launcher": str(self.launcher or ""),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Mandate":
        """Read what `to_json` wrote."""
        values = parse_json(text)
        launcher = Path(values["launcher"]) if values["launcher"] else None
        mode = Mode(values["mode"])
        # Neither half alone: without a launcher, stages would run under the account that signs, and
        # the evidence would say `enforced`.
        if (mode is Mode.ENFORCED) != (launcher is not None):
            raise ValueError("stages of another account, and only these, are enforced")

        return cls(
            mode,
            str(values["actor"]),
            Path(values["trees"]),
            str(values["ref"]),
            str(values["signer"]),
            launcher,
        )
