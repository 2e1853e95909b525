"""One check of a gate: an id that programs match, and words that only people read."""

import math
import re
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from tasks.gates.outcome import Outcome

CHECK_ID = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")  # gate.name


class CheckId(StrEnum):
    """Base of the catalogues: each gate enumerates the ids of its checks beside its judge.

    An id is stable: limits, acceptances, the policy and the registry's metrics are kept under it.
    A check that comes to mean something else gets another id.
    """


@dataclass(frozen=True)
class About:
    """Which of several a check is about; all None where a gate makes the check once.

    The names are those of the use case's configuration and codes; nobody's name is ever among them.
    """

    attribute: str | None = None  # a protected attribute, or several that are taken together
    group: str | None = None  # one of its groups
    feature: str | None = None
    expectation: str | None = None  # its type, like `expect_column_values_to_not_be_null`
    column: str | None = None
    occurrence: int | None = None  # from 2: the suite states that expectation of that column again

    def to_dict(self) -> dict[str, Any]:
        """Return what is set."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "About":
        """Read it.

        Raises:
            ValueError: A name is unknown, or a value is of another type.
        """
        types = {field.name: int if field.name == "occurrence" else str for field in fields(cls)}
        for name, value in values.items():
            if type(value) is not types.get(name):
                raise ValueError(f"`about` has `{name}`, which is unknown or of another type")
        return cls(**values)


NOTHING_MORE = About()


@dataclass(frozen=True)
class Check:
    """One measure against one limit.

    `id` and `about` say which check it is; `measure` says so to people and may change any day.
    `value` is None where nothing was measured: then the outcome is neither a pass nor a fail.
    `margin` is how far the value is on the right side of the limit, in the measure's own unit;
    negative is a miss.
    """

    id: str
    measure: str
    outcome: Outcome
    value: float | None
    limit: str
    about: About = NOTHING_MORE
    margin: float | None = None
    interval: tuple[float, float] | None = None
    reason: str = ""
    would_decide: str = ""

    def __post_init__(self) -> None:
        """Hold what every check has to be, whoever made it or wrote it down."""
        if not CHECK_ID.fullmatch(self.id):
            raise ValueError(f"`{self.id}` is no check id, which is like `fairness.theil_index`")
        if not self.measure or not self.limit:
            raise ValueError(f"{self.id}: no measure, or no limit")

        numbers = (self.value, self.margin, *(self.interval or ()))
        if not all(number is None or math.isfinite(number) for number in numbers):
            raise ValueError(f"{self.id}: not a finite number; use None and a reason")

        # A pass without a value would be an opinion, and so would a failure: nobody could hold it
        # against its limit. Undecided may have a value, one whose interval reaches over the limit.
        is_judged = self.outcome in (Outcome.PASS, Outcome.FAIL)
        if (self.value is None and is_judged) or (
            self.value is not None and self.outcome is Outcome.NOT_MEASURED
        ):
            raise ValueError(f"{self.id}: {self.outcome.text}, with value {self.value}")

    @property
    def key(self) -> str:
        """Its name within its verdict: `train.auc_lower_end`, `explain.proxy[feature=x]`."""
        # In the order of `About`'s fields, whatever the order in a file: acceptances name this key.
        about = ", ".join(f"{name}={value}" for name, value in self.about.to_dict().items())
        return f"{self.id}[{about}]" if about else self.id

    def line(self, gate: str) -> str:
        """Return the one line a person reads: gate, measure, value, limit, by how much."""
        value = "not measured" if self.value is None else f"{self.value:.4g}"
        span = f" [{self.interval[0]:.4g}, {self.interval[1]:.4g}]" if self.interval else ""
        is_miss = self.margin is not None and self.margin < 0
        miss = f", missed by {-self.margin:.4g}" if self.margin is not None and is_miss else ""
        tail = "; ".join(part for part in (self.reason, self.would_decide) if part)

        judged = f"{gate}: {self.measure} = {value}{span}, limit {self.limit}{miss}"
        return f"{judged}: {self.outcome.text}" + (f" ({tail})" if tail else "")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "id": str(self.id),
            "about": self.about.to_dict(),
            "measure": self.measure,
            "outcome": self.outcome.value,
            "value": self.value,
            "limit": self.limit,
            "margin": self.margin,
            "interval": None if self.interval is None else list(self.interval),
            "reason": self.reason,
            "would_decide": self.would_decide,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Check":
        """Read what `to_dict` wrote, or the part of it that a signed statement carries.

        Raises:
            ValueError: It has no id, as before checks had any; or it is no check.
        """
        # A field that is unknown may be what makes a pass none: such a check is of another version,
        # and is not read here.
        if not isinstance(values, dict) or set(values) - {field.name for field in fields(cls)}:
            raise ValueError("not a check")
        if not isinstance(values.get("id"), str):
            raise ValueError("a check without an id: it was made before checks had ids")

        texts = {
            name: values.get(name, "") for name in ("measure", "limit", "reason", "would_decide")
        }
        if not all(isinstance(text, str) for text in texts.values()):
            raise ValueError(f"{values['id']}: a text that is none")
        about = values.get("about", {})
        if not isinstance(about, dict):
            raise ValueError(f"{values['id']}: `about` is no object")
        return cls(
            id=values["id"],
            about=About.from_dict(about),
            outcome=Outcome(str(values.get("outcome"))),
            value=_number(values.get("value")),
            margin=_number(values.get("margin")),
            interval=_interval(values.get("interval")),
            **texts,
        )


def _number(value: Any) -> float | None:
    """Return a JSON number; true and false are none, though Python takes them for 1 and 0."""
    if value is None:
        return None
    if type(value) not in (int, float):
        raise ValueError("not a number")
    return float(value)


def _interval(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    match value:
        # The type itself, as in `_number`: a text would be converted, and true be 1.
        case [low, high] if {type(low), type(high)} <= {int, float}:
            return float(low), float(high)
        case _:
            raise ValueError("not an interval")
