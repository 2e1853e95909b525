"""False alarms and power of the gate `train`.

    python -m benchmarks.characteristics.train 200 1        # replicates, seed

Each replicate draws people, labels and the scores that a model would give them, measures them by
the gate's own functions, and lets its judge say which checks do not pass, by the limits of `loan`.
No model is fitted: how scores and labels belong together is drawn, so that what is wrong is known.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.characteristics.row import Row
from tasks.gates import Outcome
from tasks.gates.check import CheckId
from tasks.learning.cutoffs import choose_cutoff
from tasks.learning.leaks import measure_leaks
from tasks.learning.params import ApprovalRate, TrainParams
from tasks.learning.training import Trained
from tasks.model import Input, Scorer
from tasks.model.families import Logistic, Matrix
from tasks.model.scorer import probability
from tasks.stages.train.checks import TrainCheck
from tasks.stages.train.judging import judge_model
from tasks.stages.train.measuring import measure_model
from tasks.stages.train.params import TrainLimits

GATE = "train"
WHOLE_GATE = "train"
PASSED = (Outcome.PASS, Outcome.NOT_MEASURED)
FEATURES = tuple(f"x{number}" for number in range(1, 9))
# Strength and level that give an AUC of 0.83 and 88 of 100 favourable labels, as in `loan`.
STRENGTH = 1.55
LEVEL = 2.75
FIT_NOISE = 0.15  # standard deviation of log-odds by which two fits differ
RULE = ApprovalRate(rule="approval_rate", rate=0.88)
PARAMS = TrainParams(
    champion="none yet",
    family="lightgbm",
    seed=1,
    favourable=1,
    validation_ratio=0.2,
    test_ratio=0.2,
    folds=5,
    refits=1,
    cutoff=RULE,
    mitigation="none",
    rounds=1,
)
PROTECTED = ("race", "sex")


@dataclass(frozen=True)
class People:
    """What is drawn: what models read of people, what they say, and how it turned out.

    Matrices have a row a person; `log_odds` are the true ones.
    """

    features: pd.DataFrame
    groups: pd.DataFrame
    log_odds: Matrix
    labels: Matrix
    part: np.ndarray
    scored: Matrix  # log-odds of the folds' models
    registered: Matrix  # log-odds of the registered model
    challenger: Matrix
    rule: ApprovalRate = field(default=RULE)  # by which the registered cut-off is chosen


Fault = Callable[[People, np.random.Generator], People]


def draw(rows: int, rng: np.random.Generator) -> People:
    """Return people of whom every model knows all that can be known, with a little noise."""
    values = rng.normal(size=(rows, len(FEATURES)))
    weights = np.linspace(1.0, 0.2, len(FEATURES))
    log_odds = LEVEL + STRENGTH * values @ (weights / np.linalg.norm(weights))
    labels = (rng.random(rows) < probability(log_odds)).astype(float)
    groups = pd.DataFrame(
        {
            "race": rng.choice(["black", "hispanic", "white"], rows, p=[0.1, 0.06, 0.84]),
            "sex": rng.choice(["female", "male"], rows, p=[0.19, 0.81]),
        }
    )
    part = rng.choice(["train", "validation", "test"], rows, p=[0.6, 0.2, 0.2])
    return People(
        features=pd.DataFrame(values, columns=list(FEATURES)),
        groups=groups,
        log_odds=log_odds,
        labels=labels,
        part=part,
        scored=log_odds + rng.normal(scale=FIT_NOISE, size=rows),
        registered=log_odds + rng.normal(scale=FIT_NOISE, size=rows),
        challenger=log_odds + rng.normal(scale=FIT_NOISE, size=rows),
    )


def as_it_is(people: People, _: np.random.Generator) -> People:
    """Return people of whom nothing is wrong."""
    return people


def outcomes_shifted(by: float, group: str | None = None) -> Fault:
    """Return a fault: outcomes are less often favourable than any score says."""

    def change(people: People, rng: np.random.Generator) -> People:
        chance = probability(people.log_odds) - by
        drawn = (rng.random(len(chance)) < chance).astype(float)
        is_changed = np.ones(len(drawn), dtype=bool)
        if group is not None:
            is_changed = (people.groups["race"] == group).to_numpy()
        return replace(people, labels=np.where(is_changed, drawn, people.labels))

    return change


def too_extreme(factor: float) -> Fault:
    """Return a fault: scores are too sure of themselves, and right on average."""

    def change(people: People, _: np.random.Generator) -> People:
        centre = float(np.mean(people.log_odds))
        stretched = centre + factor * (people.scored - centre)
        # So that the mean is right, and the curve alone is wrong.
        for _step in range(30):
            stretched -= probability(stretched).mean() - probability(people.log_odds).mean()
        return replace(people, scored=stretched)

    return change


def stronger(factor: float) -> Fault:
    """Return a fault: a leak in all that the model reads, which no single feature shows."""

    def change(people: People, rng: np.random.Generator) -> People:
        log_odds = LEVEL * factor**0.8 + factor * (people.log_odds - LEVEL)
        labels = (rng.random(len(log_odds)) < probability(log_odds)).astype(float)
        noisy = [log_odds + rng.normal(scale=FIT_NOISE, size=len(log_odds)) for _ in range(3)]
        return replace(
            people,
            labels=labels,
            scored=noisy[0],
            registered=noisy[1],
            challenger=noisy[2],
        )

    return change


def leaked(ratio: float, code: Callable[[Matrix, Matrix], Matrix]) -> Fault:
    """Return a fault: the last feature of a share of the rows is made from the outcome."""

    def change(people: People, rng: np.random.Generator) -> People:
        values = people.features[FEATURES[-1]].to_numpy()
        is_leaked = rng.random(len(values)) < ratio
        mixed = np.where(is_leaked, code(people.labels, values), values)
        return replace(people, features=people.features.assign(**{FEATURES[-1]: mixed}))

    return change


def code_of_declined(labels: Matrix, values: Matrix) -> Matrix:
    """Return a code where the outcome was unfavourable: filled in after the decision."""
    return np.where(labels == 0, -9.0, values)


def missing_of_declined(labels: Matrix, values: Matrix) -> Matrix:
    """Return no value where the outcome was unfavourable: never asked for after the decision."""
    return np.where(labels == 0, np.nan, values)


def outcome(labels: Matrix, _: Matrix) -> Matrix:
    """Return the outcome itself."""
    return labels


def outcome_with_noise(labels: Matrix, values: Matrix) -> Matrix:
    """Return the outcome among noise: an AUC of 0.86 where it is all that is there."""
    return values + 1.55 * labels


def learnt_by_heart(people: People, _: np.random.Generator) -> People:
    """Return a fault: the registered model knows the rows that it learnt from."""
    boost = np.where(people.part == "train", 4.0 * (people.labels - 0.5), 0.0)
    return replace(people, registered=people.registered + boost)


def needlessly_complex(people: People, rng: np.random.Generator) -> People:
    """Return a fault: a logistic regression does better by about 0.05."""
    noise = rng.normal(scale=1.2, size=len(people.labels))
    return replace(people, scored=people.scored + noise)


def registered_is_worse(people: People, rng: np.random.Generator) -> People:
    """Return a fault: the registered fit went wrong, unlike those of the folds."""
    noise = rng.normal(scale=3.0, size=len(people.labels))
    return replace(people, registered=people.registered + noise)


def registered_is_shifted(people: People, _: np.random.Generator) -> People:
    """Return a fault: the registered model rates people 0.1 too low, as with a wrong weight."""
    return replace(people, registered=people.registered - 1.1)


def another_cutoff(people: People, _: np.random.Generator) -> People:
    """Return a fault: the registered model approves 78 of 100, where 88 are declared."""
    return replace(people, rule=ApprovalRate(rule="approval_rate", rate=0.78))


@dataclass(frozen=True)
class Situation:
    """What is drawn, on how many rows, and which check has to see it."""

    name: str
    fault: Fault
    rows: int
    seen_by: CheckId | None = None
    least_rate: float = 0.8
    most_rate: float = 1.0


CALIBRATED = (
    TrainCheck.CALIBRATION_BEYOND_CHANCE,
    TrainCheck.GROUP_CALIBRATION,
    TrainCheck.REGISTERED_CALIBRATION,
)
CALIBRATION = TrainCheck.CALIBRATION_BEYOND_CHANCE
PURITY = TrainCheck.SLICE_PURITY
SITUATIONS = (
    *(Situation("nothing is wrong", as_it_is, rows) for rows in (300, 1000, 2000, 10_000)),
    Situation("scores 0.10 too high", outcomes_shifted(0.1), 300, CALIBRATION),
    Situation("scores 0.05 too high", outcomes_shifted(0.05), 2000, CALIBRATION),
    Situation("scores twice too sure", too_extreme(2.0), 1000, CALIBRATION),
    Situation(
        "black applicants rated 0.15 too high",
        outcomes_shifted(0.15, "black"),
        2000,
        TrainCheck.GROUP_CALIBRATION,
    ),
    Situation("AUC of 0.93, no feature alone", stronger(2.6), 2000, TrainCheck.AUC_CEILING),
    Situation("outcome with noise", leaked(1.0, outcome_with_noise), 2000, TrainCheck.FEATURE_AUC),
    Situation("outcome in 0.3 of the rows", leaked(0.3, outcome), 2000, PURITY),
    Situation("a code for 0.3 of the declined", leaked(0.3, code_of_declined), 2000, PURITY),
    Situation("missing for 0.4 of the declined", leaked(0.4, missing_of_declined), 2000, PURITY),
    Situation("training rows by heart", learnt_by_heart, 2000, TrainCheck.OVERFIT_GAP),
    Situation("needlessly complex", needlessly_complex, 2000, TrainCheck.AUC_LOST_TO_CHALLENGER),
    Situation("registered fit is worse", registered_is_worse, 2000, TrainCheck.REGISTERED_AUC_LOST),
    Situation(
        "registered fit rates too low",
        registered_is_shifted,
        2000,
        TrainCheck.REGISTERED_CALIBRATION,
    ),
    Situation(
        "registered cut-off approves 0.78 for 0.88",
        another_cutoff,
        2000,
        TrainCheck.REGISTERED_APPROVAL_RATE,
    ),
)


def shipped_limits() -> TrainLimits:
    """Return the limits of `loan`."""
    path = Path(__file__).resolve().parents[2] / "configs" / "loan" / "case.yaml"
    return TrainLimits.model_validate(yaml.safe_load(path.read_text())["limits"]["train"])


def blocking(people: People, limits: TrainLimits) -> set[str]:
    """Return the ids of the checks that block."""
    is_validation = people.part == "validation"
    scores = probability(people.registered)
    cutoff = choose_cutoff(scores[is_validation], people.labels[is_validation], people.rule)
    oof_scores = probability(people.scored)
    oof_cutoff = choose_cutoff(oof_scores, people.labels, RULE)
    predictions = pd.DataFrame(
        {
            "part": people.part,
            "actual": people.labels,
            "score": scores,
            "approved": scores >= cutoff,
            "oof_score": oof_scores,
            "oof_approved": oof_scores >= oof_cutoff,
        }
    )
    names = tuple(people.features.columns)
    size = len(names)
    booster = Logistic(np.zeros(size), 0.0, np.zeros(size), np.ones(size))
    scorer = Scorer("logistic", tuple(Input(name) for name in names), booster, cutoff)
    rows = pd.concat([people.features, people.groups], axis=1).assign(
        person=np.arange(len(people.labels))
    )
    trained = Trained(scorer, (), predictions, probability(people.challenger))
    leaks = measure_leaks(people.features, people.labels, rows["person"])
    report = measure_model(rows, trained, leaks, PROTECTED, PARAMS)
    checks = judge_model(report, None, limits)
    return {check.id for check in checks if check.outcome not in PASSED}


def measure(replicates: int, seed: int, *, situations: tuple[str, ...] = ()) -> list[Row]:
    """Return how often each check blocks where nothing is wrong, and sees what it is for.

    Where nothing is wrong, each check of calibration blocks 5 of 100 at most; of a fault, the check
    that is for it sees 80 of 100. Bands allow for the replicates' own chance (three standard
    errors).
    """
    limits = shipped_limits()
    table: list[Row] = []
    for situation in SITUATIONS:
        if situations and situation.name not in situations:
            continue
        seen: list[set[str]] = []
        for replicate in range(replicates):
            rng = np.random.default_rng([seed, replicate, situation.rows, *situation.name.encode()])
            people = situation.fault(draw(situation.rows, rng), rng)
            seen.append(blocking(people, limits))
        table += _rows(situation, seen)
    return table


def _rows(situation: Situation, seen: list[set[str]]) -> list[Row]:
    count = len(seen)

    def row(check: str, low: float, high: float) -> Row:
        rate = float(np.mean([check in ids or (check == WHOLE_GATE and bool(ids)) for ids in seen]))
        return Row(GATE, check, situation.name, situation.rows, rate, count, low, high)

    if situation.seen_by is not None:
        least = situation.least_rate
        slack = 3 * (least * (1 - least) / count) ** 0.5
        return [
            row(str(situation.seen_by), least - slack, situation.most_rate),
            row(WHOLE_GATE, least - slack, 1.0),
        ]

    slack = 3 * (0.05 * 0.95 / count) ** 0.5
    alarms = sorted(set().union(*seen) | {str(check) for check in CALIBRATED})
    rows = [
        row(check, 0.0, 0.05 + slack if check in set(map(str, CALIBRATED)) else 1.0)
        for check in alarms
    ]
    return [*rows, row(WHOLE_GATE, 0.0, 1.0)]


def main(arguments: list[str]) -> None:
    """Print the rates as Markdown."""
    replicates, seed = int(arguments[0]), int(arguments[1])
    print("| situation | rows | check | blocks | band |\n|---|---|---|---|---|")
    for row in measure(replicates, seed):
        band = f"{row.expected_low:.2f} to {row.expected_high:.2f}"
        print(f"| {row.situation} | {row.rows:,} | {row.check} | {row.rate:.3f} | {band} |")


if __name__ == "__main__":
    main(sys.argv[1:])
