"""False alarms and power of the gate `alternatives`.

    python -m benchmarks.characteristics.alternatives 200 1        # replicates, seed

Each replicate draws people, two groups of them, and what each of many configurations scores them
over several seeds; the gate's own functions choose, confirm and judge. All configurations share
most of their errors, as models of the same data do. One may hold less against a group than the
shipped one does: by nothing, by exactly the limit, or by more.
"""

import math
import sys
from functools import cache

import numpy as np
import pandas as pd

from benchmarks.characteristics.row import Row
from tasks.gates import Outcome
from tasks.learning.params import TrainParams
from tasks.stages.alternatives.checks import AlternativesCheck
from tasks.stages.alternatives.choosing import compare_configurations
from tasks.stages.alternatives.configurations import SHIPPED, Configuration
from tasks.stages.alternatives.judging import judge_alternatives
from tasks.stages.alternatives.params import (
    AlternativesLimits,
    AlternativesParams,
    JudgedGroups,
    Learner,
    Mitigation,
)
from tasks.stages.alternatives.searching import SearchedRows

GATE = "alternatives"
REPLICATES = 100
SMALL = (0, 4, 5, 9)  # situations of a small run
LIMITS = AlternativesLimits(decline_ratio_reduction=0.1, detectable_reduction=0.2)
APPROVAL_RATE = 0.88
GROUP_SHARE = 0.25
HELD_AGAINST_GROUP = 0.8  # by the shipped configuration, in deviations of the latent score
GOAL = 0.05
SEEDS = 2
TRUTH_ROWS = 1_000_000
JUDGED = JudgedGroups(privileged={"race": "a"}, cutoffs=(APPROVAL_RATE,))
PARAMS = AlternativesParams(
    learners={"x": Learner(family="logistic", rounds=1)},
    mitigations={"x": Mitigation(mitigation="none")},
    features={"x": ()},
    loss_of_auc=0.01,
    people=100_000,
    smallest_group_rows=100,
    folds=3,
    seeds=SEEDS,
    draws=200,
    seed=1,
)
TRAIN = TrainParams.model_validate(
    {
        "champion": "none yet",
        "family": "logistic",
        "seed": 1,
        "favourable": 1,
        "validation_ratio": 0.2,
        "test_ratio": 0.2,
        "folds": 3,
        "refits": 1,
        "cutoff": {"rule": "approval_rate", "rate": APPROVAL_RATE},
        "mitigation": "none",
        "rounds": 1,
    }
)


def decline_ratio(held_against: float) -> float:
    """Return the decline ratio of very many people, of whom some are held against their group."""
    rng = np.random.default_rng(0)
    is_member = rng.random(TRUTH_ROWS) < GROUP_SHARE
    scores = rng.normal(scale=math.sqrt(1.5), size=TRUTH_ROWS) - held_against * is_member
    declined = scores < np.quantile(scores, 1 - APPROVAL_RATE)
    return float(declined[is_member].mean() / declined[~is_member].mean())


@cache
def held_against(reduction: float) -> float:
    """Return what a configuration may hold against the group to lower the ratio by a share."""
    target = decline_ratio(HELD_AGAINST_GROUP) * (1 - reduction)
    low, high = 0.0, HELD_AGAINST_GROUP
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if decline_ratio(middle) < target else (low, middle)
    return (low + high) / 2


def draw(
    people: int, configurations: int, reduction: float | None, rng: np.random.Generator
) -> SearchedRows:
    """Return people and scores: the second configuration lowers the ratio by `reduction`.

    None where nobody's group is held against them by any.

    A score is the latent quality (variance 1), an error that all configurations share (0.3), one of
    the configuration (0.1) and one of the seed (0.1), less what is held against the group.
    """
    is_member = rng.random(people) < GROUP_SHARE
    quality = rng.normal(size=people)
    labels = (quality * 1.6 + rng.logistic(size=people) > -2.6).astype(np.float64)
    against = np.full(configurations, HELD_AGAINST_GROUP if reduction is not None else 0.0)
    if reduction:
        against[1] = held_against(reduction)

    shared = quality + math.sqrt(0.3) * rng.normal(size=people)
    own = math.sqrt(0.1) * rng.normal(size=(configurations, 1, people))
    by_seed = math.sqrt(0.1) * rng.normal(size=(configurations, SEEDS, people))
    scores = shared + own + by_seed - against[:, None, None] * is_member
    protected = pd.DataFrame({"race": pd.array(np.where(is_member, "b", "a"), dtype="str")})
    return SearchedRows(labels, pd.Series(np.arange(people)), protected, scores, fits=0)


def judge(searched: SearchedRows, seed: int) -> dict[str, Outcome]:
    """Return the outcome of each check."""
    names = [SHIPPED, *(f"alternative {n}" for n in range(1, len(searched.scores)))]
    together = tuple(Configuration(name, TRAIN, ("x",)) for name in names)
    params = PARAMS.model_copy(update={"seed": seed})
    report = compare_configurations(searched, together, JUDGED, params, APPROVAL_RATE)
    return {check.id: check.outcome for check in judge_alternatives(report, LIMITS)}


NEVER = (0.0, GOAL)
ALWAYS = (1 - GOAL, 1.0)
SITUATIONS: tuple[
    tuple[str, int, int, float | None, tuple[float, float], tuple[float, float]], ...
] = (
    # situation, people, configurations, reduction; the bands of "fails" and of "undecided"
    ("none is better, best of 100", 2_000, 100, 0.0, NEVER, ALWAYS),
    ("none is better, best of 100", 8_000, 100, 0.0, NEVER, ALWAYS),
    ("none is better, best of 10", 32_000, 10, 0.0, NEVER, NEVER),
    ("all at parity, best of 100", 2_000, 100, None, NEVER, (0.0, 1.0)),
    ("all at parity, best of 100", 8_000, 100, None, NEVER, NEVER),
    ("one is better by exactly the limit", 2_000, 10, 0.1, NEVER, ALWAYS),
    ("one is better by exactly the limit", 8_000, 10, 0.1, NEVER, ALWAYS),
    ("one is better by three tenths", 2_000, 10, 0.3, (0.3, 1.0), ALWAYS),
    ("one is better by three tenths", 8_000, 10, 0.3, (0.8, 1.0), ALWAYS),
    ("one is better by a half", 2_000, 10, 0.5, (0.8, 1.0), ALWAYS),
)


def measure(
    replicates: int, seed: int, situations: tuple[int, ...] = tuple(range(len(SITUATIONS)))
) -> list[Row]:
    """Return how often each check does not pass, in each situation."""
    chance = 2.5 * math.sqrt(GOAL * (1 - GOAL) / replicates)
    rows: list[Row] = []
    for index in situations:
        name, people, configurations, reduction, failing, undecided = SITUATIONS[index]
        streams = np.random.SeedSequence([seed, index]).spawn(replicates)
        outcomes = [
            judge(draw(people, configurations, reduction, np.random.default_rng(stream)), number)
            for number, stream in enumerate(streams)
        ]
        for check, outcome, (low, high) in (
            (AlternativesCheck.DECLINE_RATIO_REDUCTION, Outcome.FAIL, failing),
            (AlternativesCheck.DETECTABLE_REDUCTION, Outcome.UNDECIDED, undecided),
        ):
            rate = float(np.mean([of[check] is outcome for of in outcomes]))
            band = (max(low - chance, 0.0), min(high + chance, 1.0))
            rows.append(Row(GATE, check.value, name, people, rate, replicates, *band))
    return rows


def measure_small(seed: int) -> list[Row]:
    """Return a run of seconds."""
    return measure(12, seed, SMALL)


if __name__ == "__main__":
    for row in measure(int(sys.argv[1]), int(sys.argv[2])):
        print(row)
