"""Whether a model equals or beats another by the declared rule, from signed verdicts alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tasks.errors import EvidenceError
from tasks.gates import Check
from tasks.promotion.params import Direction, PromoteParams
from tasks.verifier.lineage import Chain


@dataclass(frozen=True)
class ComparedFigure:
    """One figure of two models. What was not measured of either is never as good."""

    key: str
    candidate: float | None
    champion: float | None
    tolerance: float
    worse_by: float | None  # negative where it is better; None where it cannot be told

    @property
    def is_as_good(self) -> bool:
        """Whether it is worse by no more than is allowed."""
        return self.worse_by is not None and self.worse_by <= self.tolerance

    @property
    def line(self) -> str:
        """The comparison, as people read it."""
        if self.worse_by is None:
            end = "not measured of both by one measure"
        elif self.worse_by > 0:
            end = f"worse by {self.worse_by:.4g}, allowed {self.tolerance:g}"
        else:
            end = f"better by {-self.worse_by:.4g}" if self.worse_by else "equal"
        return f"{self.key}: {_shown(self.candidate)}, serving {_shown(self.champion)}: {end}"


def compare_models(
    candidate: Chain, champion: Chain, rule: PromoteParams
) -> tuple[ComparedFigure, ...]:
    """Return every figure by which the rule compares two models.

    1. The metric, in the declared direction.
    2. Each of the disparity checks for each group that it was measured of for the model that
       serves. Which value is the better one is said by the sign of the check's own limit; of a
       difference, the smaller. A group that is new has nothing to be compared with: its own gate
       has judged it.
    """
    figures = list(_metric(candidate, champion, rule))

    for check_id, tolerance in sorted(rule.disparity.items()):
        figures += _disparity(candidate, champion, check_id, tolerance)

    return tuple(figures)


def _metric(candidate: Chain, champion: Chain, rule: PromoteParams) -> Iterator[ComparedFigure]:
    new = _checks(candidate, rule.metric)
    old = _checks(champion, rule.metric)
    sign = {Direction.HIGHER: 1, Direction.LOWER: -1}[rule.direction]

    # Never over nothing: a metric of neither model is a figure that is not as good.
    for key in sorted({*new, *old}) or [rule.metric]:
        values = _value(new.get(key)), _value(old.get(key))
        scores = tuple(None if value is None else sign * value for value in values)
        yield ComparedFigure(key, *values, rule.tolerance, _lost(*scores))


def _disparity(
    candidate: Chain, champion: Chain, check_id: str, tolerance: float
) -> Iterator[ComparedFigure]:
    new = _checks(candidate, check_id)
    old = _checks(champion, check_id)
    # By the model that serves: a candidate that leaves out a group's figure is not as good for it.
    measured = {key for key, check in old.items() if check.value is not None}

    # Measured of no group of either: nothing was compared, and that is no proof of equality.
    keys = measured or ({} if new and old else {check_id})

    for key in sorted(keys):
        pair = new.get(key), old.get(key)
        values = _value(pair[0]), _value(pair[1])
        yield ComparedFigure(key, *values, tolerance, _lost(_goodness(pair[0]), _goodness(pair[1])))


def _checks(chain: Chain, check_id: str) -> Mapping[str, Check]:
    """Return the checks with an id in the verdict that counts, by their keys."""
    verdict = chain.verdicts.get(check_id.partition(".")[0])
    try:
        checks = verdict.checks() if verdict else ()
    except EvidenceError:  # signed before checks had ids
        return {}
    return {check.key: check for check in checks if check.id == check_id}


def _goodness(check: Check | None) -> float | None:
    """Return a value so that more is better, by the sign of the check's limit; None without one."""
    if check is None or check.value is None:
        return None
    # By the sign of the signed limit and not by configuration: nobody can turn a disparity round.
    if check.limit.startswith("≥"):
        return check.value
    # Of a difference what is nearer to none is better, on either side.
    return -abs(check.value) if check.limit.startswith("≤") else None


def _lost(new: float | None, old: float | None) -> float | None:
    return None if new is None or old is None else old - new


def _value(check: Check | None) -> float | None:
    return check.value if check else None


def _shown(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4g}"
