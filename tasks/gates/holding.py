"""Which limit each check is held against, and that a verdict holds to that.

A stage writes a verdict, and says by the digest of its limits what it judged by. Here is what the
worker asks of each line: that it is one of the gate's checks, that the limit printed is the one in
force, that the outcome follows from value and limit, and that no limit was left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.errors import EvidenceError
from tasks.gates.check import About, Check, CheckId
from tasks.gates.limits import Sign, is_met, limit_text
from tasks.gates.outcome import Outcome
from tasks.gates.verdict import Verdict


@dataclass(frozen=True)
class Unmeasured:
    """That a check may say it was not measured, and what of the use case has to declare that.

    Attributes:
        text: What the check shows as its limit; `{limit}` stands for the limit in force.
        declared_by: A dotted name in the use case; empty where the data shows it. `{attribute}`
            stands for the attribute that the check is about.
        declared_as: The value that it has to have there; empty for any text.
        excuses: Further limits that nothing is held against then.
    """

    text: str
    declared_by: str = ""
    declared_as: str = ""
    excuses: tuple[str, ...] = ()

    def is_declared(self, case: Mapping[str, Any], about: About) -> bool:
        """Say whether the use case declares it of what the check is about."""
        if not self.declared_by:
            return True
        value: Any = case
        for part in self.declared_by.split("."):
            key = about.attribute if part == "{attribute}" else part
            value = value.get(key) if isinstance(value, dict) else None
        is_text = isinstance(value, str) and bool(value.strip())
        return is_text and self.declared_as in ("", value)


@dataclass(frozen=True)
class LimitRule:
    """How one check is held against the limits of its gate.

    Attributes:
        limit: A field of the gate's limits, or a number that is the same for all use cases, or the
            text of a condition, which holds (1) or does not (0).
        sign: On which side of a number a value has to lie; None for a condition.
        suffix: What is printed after the number.
        unmeasured: How it may say that it was not measured.
        undecided: Further texts that it may show as its limit where it is undecided.
        excuses: Limits that nothing may be held against where this check is undecided.
    """

    limit: str | float
    sign: Sign | None
    suffix: str = ""
    unmeasured: tuple[Unmeasured, ...] = ()
    undecided: tuple[str, ...] = ()
    excuses: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """The field of the gate's limits; empty where there is none."""
        return self.limit if self.sign and isinstance(self.limit, str) else ""

    def number(self, limits: Mapping[str, Any]) -> float | None:
        """Return the number in force, or None for a condition.

        Raises:
            ValueError: The field holds no number.
        """
        if self.sign is None:
            return None

        # `type(...) in`, because a limit of `true` would be read as 1.
        value: Any = limits.get(self.limit) if isinstance(self.limit, str) else self.limit
        if type(value) not in (int, float):
            raise ValueError(f"limit `{self.limit}` is no number")
        return float(value)

    def text(self, limits: Mapping[str, Any]) -> str:
        """Return how the limit in force is printed."""
        number = self.number(limits)
        if self.sign is None or number is None:
            return str(self.limit)
        return limit_text(self.sign, number) + self.suffix


Rules = Mapping[CheckId, LimitRule]


def require_own_limits(verdict: Verdict, rules: Rules, case: Mapping[str, Any]) -> None:
    """Refuse a verdict that was not judged by the limits in force.

    Args:
        verdict: As the stage wrote it.
        rules: The gate's catalogue, and what each of its checks is held against.
        case: The use case, resolved.

    Raises:
        EvidenceError: Names the first check, or the limit, that is not as it has to be.
    """
    limits = case.get("limits", {}).get(verdict.gate)
    if not isinstance(limits, dict):
        raise _refused(verdict.gate, "limits in the use case", "none")

    by_text: Mapping[str, LimitRule] = {str(check_id): rule for check_id, rule in rules.items()}
    judged: set[str] = set()
    for check in verdict.checks:
        # An id that the catalogue has not is refused: a stage could add a check that always passes,
        # or rename one and so leave its limit.
        rule = by_text.get(check.id)
        if rule is None:
            raise _refused(check.key, f"a check of gate `{verdict.gate}`", "another")
        try:
            # Which limits something was held against is collected on the way, for the last
            # question: whether a limit is left that nothing was.
            judged |= {rule.field, *_hold(check, rule, limits, case)}
        except ValueError as error:
            raise _refused(check.key, "a limit that is a number", str(error)) from error

    # What declares that something is not measured lies among the limits, and is none.
    declarations = {item.declared_by for rule in rules.values() for item in rule.unmeasured}
    for field in limits:
        if field not in judged and f"limits.{verdict.gate}.{field}" not in declarations:
            raise _refused(
                f"limits.{verdict.gate}.{field}",
                "at least one check that is held against it",
                f"limit `{field}` was judged by no check",
            )


def _hold(
    check: Check, rule: LimitRule, limits: Mapping[str, Any], case: Mapping[str, Any]
) -> tuple[str, ...]:
    """Hold one check against its rule; return the limits that it excuses."""
    text = rule.text(limits)

    if check.outcome is Outcome.NOT_MEASURED:
        for item in rule.unmeasured:
            if item.text.replace("{limit}", text) == check.limit and item.is_declared(
                case, check.about
            ):
                return item.excuses
        raise _refused(check.key, "a measure, or what the use case declares", "not measured")

    # Undecided blocks. It may say why by another text; it is never a pass.
    texts = {text}
    if check.outcome is Outcome.UNDECIDED:
        texts |= {*rule.undecided, *(item.text for item in rule.unmeasured)}
    if check.limit not in texts:
        raise _refused(check.key, f"the limit in force, {text}", "another limit")
    if check.outcome is Outcome.UNDECIDED:
        return rule.excuses

    number = rule.number(limits)
    # The outcome is computed again, from the value that the check itself states and the limit in
    # force: a stage that writes `pass` beside a value that misses is found out. Whether the value
    # is that of the data cannot be told from here.
    value = check.value
    if rule.sign is None or number is None:
        has_met = value == 1
    else:
        has_met = value is not None and is_met(rule.sign, value, number)
    if has_met is not (check.outcome is Outcome.PASS):
        side = "meets" if has_met else "misses"
        raise _refused(
            check.key,
            "the outcome that follows from its value and limit",
            f"`{check.outcome}` of a value that {side} it",
        )
    return ()


def _refused(where: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        where,
        expected=expected,
        found=found,
        remedy="Nothing was signed: run the stage again by the code and limits of the checkout.",
    )
