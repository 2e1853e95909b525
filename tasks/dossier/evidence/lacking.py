"""What looking a reference up comes to: a claim, or why there is none."""

from dataclasses import dataclass

from tasks.dossier.claims import Claim


@dataclass(frozen=True)
class Lacking:
    """Why a reference leads to nothing."""

    reason: str


Lookup = Claim | Lacking
