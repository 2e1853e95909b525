"""What a dossier may say: a claim that refers to evidence, or that there is none, and who owes it.

There is no fourth way. A text without a reference is no claim: the class refuses it.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class AnswerStanding(StrEnum):
    """How a requirement, or a field of a page, stands."""

    ANSWERED = "answered"
    AGAINST = "evidence against"  # evidence is there, and says that it is not met
    STALE = "stale"  # a person answered, and what was asked or the data changed since
    MISSING = "MISSING"
    NOT_APPLICABLE = "not applicable"

    @property
    def is_answer(self) -> bool:
        """Whether it counts towards readiness."""
        return self is AnswerStanding.ANSWERED


@dataclass(frozen=True, order=True)
class Reference:
    """Where a claim is said: an entry of the ledger, and what of it.

    Attributes:
        entry: Its index in the ledger.
        envelope_sha256: Of the envelope, so that another log's entry of this number is told apart.
        check: The key of a check of the verdict in it; empty where the claim is of the whole.
        name: The name of an artefact that the statement names; empty where it is of none.
        sha256: Of that artefact, as the statement says.
    """

    entry: int
    envelope_sha256: str
    check: str = ""
    name: str = ""
    sha256: str = ""

    def to_dict(self) -> dict[str, str | int]:
        """Return it as JSON values; what is empty is left out."""
        about = {"check": self.check, "name": self.name, "sha256": self.sha256}
        named = {key: value for key, value in about.items() if value}
        return {"entry": self.entry, "envelopeSha256": self.envelope_sha256, **named}


@dataclass(frozen=True)
class Claim:
    """A text that evidence says. `is_against` where it says that something does not hold."""

    text: str
    references: tuple[Reference, ...]
    is_against: bool = False

    def __post_init__(self) -> None:
        """Refuse a text that nothing stands behind."""
        # In the constructor, so that no page can forget to ask: a sentence without evidence cannot
        # be made.
        if not self.text or not self.references:
            raise ValueError("a claim is a text and at least one reference to evidence")

    @property
    def standing(self) -> AnswerStanding:
        """How it stands by itself."""
        return AnswerStanding.AGAINST if self.is_against else AnswerStanding.ANSWERED


@dataclass(frozen=True)
class Missing:
    """What nobody has answered, whose it is, and until when.

    `owner` is a function and never a person; `due` is a day, empty where none can be said yet.
    """

    what: str
    owner: str
    due: str = ""
    is_stale: bool = False
    references: tuple[Reference, ...] = field(default=())

    @property
    def standing(self) -> AnswerStanding:
        """How it stands."""
        return AnswerStanding.STALE if self.is_stale else AnswerStanding.MISSING

    @property
    def text(self) -> str:
        """Return it in words."""
        due = f" · due {self.due}" if self.due else ""
        why = f" ({self.what})" if self.what else ""
        return f"{self.standing} · {self.owner}{due}{why}"


@dataclass(frozen=True)
class NotApplicable:
    """What does not have to be answered here, why, and who says so."""

    reason: str
    owner: str
    references: tuple[Reference, ...] = field(default=())

    @property
    def standing(self) -> AnswerStanding:
        """How it stands."""
        return AnswerStanding.NOT_APPLICABLE

    @property
    def text(self) -> str:
        """Return it in words."""
        return f"{self.standing} · {self.reason} · {self.owner}"


Statable = Claim | Missing | NotApplicable
