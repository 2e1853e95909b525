"""A row for each gate: what it came to in this release, and what it refused first."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import EvidenceError
from tasks.formats.shown import kind_of_error
from tasks.formats.strict_json import parse_json
from tasks.gates import Outcome, Verdict
from tasks.path import SUBJECTS

SIGNS = {
    Outcome.PASS: "✅ pass",
    Outcome.FAIL: "⛔ fail",
    Outcome.UNDECIDED: "⚠️ undecided",
}
NOT_RUN = "— not run"


@dataclass(frozen=True)
class GateRow:
    """A row of the gate table.

    `verdict` is None where the gate has none in this release, or one of an older form.
    """

    gate: str
    outcome: str
    checks: str
    first_refusal: str
    verdict: Verdict | None = None

    def cells(self) -> tuple[str, str, str, str]:
        """Return the cells in the order of the table's headings."""
        return self.gate, self.outcome, self.checks, self.first_refusal


def verdict_of(stage: str, case: str, workspace: Path) -> Verdict | None:
    """Return the verdict that `stage` left, or None where it is no gate or has not run.

    Raises:
        EvidenceError: What lies there is no verdict, or one of a time before checks had ids.
    """
    path = workspace / "data" / case / stage / "verdict.json"
    if not path.is_file():
        return None

    try:
        return Verdict.from_dict(parse_json(path.read_bytes()))
    # `Verdict.from_dict` has one error for all that is none, whatever its shape.
    except ValueError as error:
        raise EvidenceError(
            path.as_posix(),
            expected="a verdict, each of its checks with an id",
            found=kind_of_error(error),
            remedy=f"`./portcullis release {case}` makes it anew.",
        ) from error


def gate_rows(
    case: str, workspace: Path, reached: Collection[str] | None = None
) -> tuple[GateRow, ...]:
    """Return one row per gate: how many checks it made, and the first of its refusals, if any.

    Args:
        case: A use case.
        workspace: Where the verdicts lie.
        reached: The stages that the release came to. Of any other gate a verdict of an earlier
            release may lie there, about another model: it is none of this release's. With None,
            every verdict counts.
    """
    return tuple(
        _gate_row(gate, case, workspace)
        if reached is None or gate in reached
        else GateRow(gate, NOT_RUN, "0", "")
        for gate in SUBJECTS
    )


def _gate_row(gate: str, case: str, workspace: Path) -> GateRow:
    # A run that was stopped early leaves verdicts of earlier runs, which may be of an older form.
    try:
        verdict = verdict_of(gate, case, workspace)
    except EvidenceError:
        return GateRow(gate, "— not readable", "0", "of an older form; the next run replaces it")
    if verdict is None:
        return GateRow(gate, NOT_RUN, "0", "")

    refusals = verdict.refusals()
    more = f" (+{len(refusals) - 1} more)" if len(refusals) > 1 else ""
    first = refusals[0].text + more if refusals else ""
    return GateRow(gate, SIGNS[verdict.outcome], str(len(verdict.checks)), first, verdict)


def report_pages(
    case: str, workspace: Path, reached: Collection[str] | None = None
) -> dict[str, Path]:
    """Return the pages that the gates of `case` have written in a release, by stage."""
    pages = {
        gate: workspace / "data" / case / gate / "page" / "index.html"
        for gate in SUBJECTS
        if reached is None or gate in reached
    }
    return {stage: page.absolute() for stage, page in pages.items() if page.is_file()}
