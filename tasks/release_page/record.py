"""What a release came to, as a file beside its page: read by people's tools, and by no gate."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import EvidenceError, Refusal
from tasks.formats.strict_json import read_json
from tasks.formats.whole_file import write_whole
from tasks.notary.earlier_release import EarlierRelease
from tasks.notary.past_releases import PastRelease

FOLDER = "report"
RECORD = "release.json"


@dataclass(frozen=True)
class ReleaseRecord:
    """One release of a use case, blocked or not. Nothing in it tells on which machine.

    Attributes:
        case: The use case.
        reached: The stages that ran in this release, or had nothing to do. A verdict of any other
            stage is of an earlier release.
        refusals: Why it is blocked; empty where the model is registered.
        outcome: What a registration rests on, in a line; empty where there is none.
        version: Of the registered model; empty where there is none.
        attempts: What is known of every attempt on the same data, a line each.
        earlier: The model that was let in before.
        releases: Every model of the use case that was decided on, with its day, the latest last.
        model_sha256: Of the model that was judged; empty where none was trained.
    """

    case: str
    reached: frozenset[str]
    refusals: tuple[Refusal, ...] = ()
    outcome: str = ""
    version: str = ""
    attempts: tuple[str, ...] = ()
    earlier: EarlierRelease | None = None
    releases: tuple[PastRelease, ...] = ()
    model_sha256: str = ""

    @property
    def is_blocked(self) -> bool:
        """Whether nothing was registered."""
        return bool(self.refusals)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "case": self.case,
            "is_blocked": self.is_blocked,
            "reached": sorted(self.reached),
            "refusals": [refusal.to_dict() for refusal in self.refusals],
            "outcome": self.outcome,
            "version": self.version,
            "attempts": list(self.attempts),
            "earlier": self.earlier.to_dict() if self.earlier else None,
            "releases": [release.to_dict() for release in self.releases],
            "model_sha256": self.model_sha256,
        }

    @classmethod
    def from_dict(cls, values: Any) -> "ReleaseRecord":
        """Read what `to_dict` wrote.

        Raises:
            ValueError: It is something else.
        """
        match values:
            case {
                "case": str(case),
                "reached": [*reached],
                "refusals": [*refusals],
                "outcome": str(outcome),
                "version": str(version),
                "attempts": [*attempts],
                "earlier": earlier,
                "releases": [*releases],
                "model_sha256": str(model_sha256),
            }:
                return cls(
                    case,
                    frozenset(map(str, reached)),
                    tuple(map(Refusal.from_dict, refusals)),
                    outcome,
                    version,
                    tuple(map(str, attempts)),
                    None if earlier is None else EarlierRelease.from_dict(earlier),
                    tuple(map(PastRelease.from_dict, releases)),
                    model_sha256,
                )
            case _:
                raise ValueError("not the record of a release")


def record_path(case: str, workspace: Path) -> Path:
    """Return where the record of a use case's last release lies."""
    return workspace / "data" / case / FOLDER / RECORD


def page_path(case: str, workspace: Path) -> Path:
    """Return where the page of a use case's last release lies."""
    return workspace / "data" / case / FOLDER / "index.html"


def write_record(record: ReleaseRecord, workspace: Path) -> None:
    """Write the record of a release over that of the one before."""
    text = json.dumps(record.to_dict(), indent=2, ensure_ascii=False) + "\n"
    write_shown(record_path(record.case, workspace), text)


def write_shown(path: Path, text: str) -> None:
    """Write a file that others are to read, whatever the umask is; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode(), mode=0o644)


def read_record(case: str, workspace: Path) -> ReleaseRecord | None:
    """Return the record of the last release; None where there is none, or one of another form."""
    path = record_path(case, workspace)
    if not path.is_file():
        return None
    try:
        # None and no error: the list of releases must not end because of one record of an older
        # form, and no gate reads it.
        return ReleaseRecord.from_dict(read_json(path, remedy="Run the release again."))
    except (EvidenceError, ValueError):
        return None
