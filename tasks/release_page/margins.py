"""Where each check lies towards its limit, for a drawing of all of them at once."""

from tasks.gates import Check, Outcome
from tasks.release_page.gates import GateRow
from tasks.reports import Dot, Link, Margins, MarginsRow, count_outcomes, format_number

TITLE = "How far every check is from its limit"
CAPTION = (
    "A row a gate, a mark a check: dots pass, crosses fail, diamonds are undecided. The line is "
    "the limit. At the right end a value is as far on the good side as its limit is large, or "
    "more; conditions lie at an end. Point at a mark to read it."
)


def place_of_check(check: Check) -> float:
    """Return where a check lies: 0 at its limit, from -1 (misses it) to 1 (meets it).

    The unit is the size of the limit. Undecided checks without a value lie on the limit, and
    conditions, which know no distance, at an end.
    """
    # Only what is undecided: a check that was not measured is not drawn, and a judged one has a
    # value.
    if check.value is None:
        return 0.0
    if check.margin is None:
        return {Outcome.PASS: 1.0, Outcome.FAIL: -1.0}.get(check.outcome, 0.0)

    # The limit as a number stands in no field: it is the value less the margin, or plus it, by the
    # side on which the value has to lie.
    sign = -1.0 if check.limit.startswith("≥") else 1.0
    limit = abs(check.value + sign * check.margin)
    # A limit of zero has no size to measure by: such a check lies at an end.
    if limit == 0:
        return 1.0 if check.margin >= 0 else -1.0
    return round(max(-1.0, min(1.0, check.margin / limit)), 3)


def draw_margins(rows: tuple[GateRow, ...], links: dict[str, Link]) -> Margins | None:
    """Return the drawing of the gates that have judged; None where none has."""
    drawn = tuple(_row(row, links) for row in rows if row.verdict is not None)
    return Margins(title=TITLE, caption=CAPTION, rows=drawn) if drawn else None


def _row(row: GateRow, links: dict[str, Link]) -> MarginsRow:
    checks = [
        check
        for check in (row.verdict.checks if row.verdict else ())
        if check.outcome is not Outcome.NOT_MEASURED
    ]
    # What refuses is drawn last, so that nothing lies on it.
    ordered = sorted(checks, key=lambda check: check.outcome.is_blocking)

    return MarginsRow(
        name=links.get(row.gate, row.gate),
        said=f"{row.gate}: {count_outcomes(checks)}",
        dots=tuple(
            Dot(outcome=check.outcome, place=place_of_check(check), text=_said(check))
            for check in ordered
        ),
    )


def _said(check: Check) -> str:
    value = "not measured" if check.value is None else format_number(check.value)
    return f"{check.measure}: {value}, limit {check.limit}: {check.outcome.text}"
