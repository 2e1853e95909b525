"""What a look at an installation comes to: lines about one thing each."""

from dataclasses import dataclass
from enum import StrEnum

from tasks.errors import PortcullisError


class Grade(StrEnum):
    """How bad it is."""

    WELL = "well"
    NOTE = "note"  # worth knowing, and nothing refuses because of it
    REFUSES = "refuses"  # some command or stage would not go on


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, and what to do where it is not well."""

    grade: Grade
    what: str
    text: str
    remedy: str = ""

    @classmethod
    def of_error(cls, what: str, error: PortcullisError) -> "Finding":
        """Return what would be refused, in the words of who refuses it."""
        about = "" if error.where == what else f"{error.where}: "
        text = f"{about}expected {error.expected}; found {error.found}"
        return cls(Grade.REFUSES, what, text, error.remedy)

    def __str__(self) -> str:
        """Return the line that a person reads."""
        line = f"{self.grade:<8} {self.what}: {self.text}"
        return f"{line}. {self.remedy}" if self.remedy else line
