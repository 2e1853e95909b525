"""False blocks and missed subgroups of the gate `subgroups`, and its error of calibration.

    python -m benchmarks.characteristics.subgroups 200 1        # replicates, seed

Portfolios have four protected attributes and two audited features, none of which says anything of
who is good. In a planted one people are approved less often where two attributes differ, which no
single attribute shows: both of its groups are approved alike.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.characteristics.fairness import GOAL, noise
from benchmarks.characteristics.row import Row, print_rows
from tasks.disparity.counts import DecidedRows
from tasks.gates import Check, Outcome
from tasks.stages.fairness.power import draw_rows
from tasks.stages.subgroups.checks import SubgroupsCheck
from tasks.stages.subgroups.judging import judge_subgroups
from tasks.stages.subgroups.measuring import measure_subgroups
from tasks.stages.subgroups.params import (
    DetectableDisparities,
    SubgroupsLimits,
    SubgroupsParams,
)

GATE = "subgroups"
WHOLE_GATE = "subgroups"
# From so many rows on a fair model passes, by its approval rate.
CERTIFIED_ROWS = {0.88: 10_000, 0.97: 5_000}
LIMITS = SubgroupsLimits(
    false_decline_difference=0.1,
    disparate_impact=0.8,
    underrated_by=0.05,
    multicalibration_error=0.05,
)
# Shares of the protected groups, as in `loan`.
SHARES = {"race": (0.85, 0.10, 0.05), "sex": (0.8, 0.2), "married": (0.65, 0.35), "old": (0.5, 0.5)}
AUDITED = ("debt", "price")


def plan(seed: int) -> SubgroupsParams:
    """Return the plan of the shipped cases."""
    return SubgroupsParams(
        audit=AUDITED,
        bins=3,
        depth=3,
        smallest_people=50,
        kept=5,
        detectable=DetectableDisparities(
            false_decline_difference=0.25, disparate_impact=0.6, underrated_by=0.2
        ),
        evaluate_on="out_of_fold",
        significance=0.05,
        seed=seed,
    )


@dataclass(frozen=True)
class Population:
    """People of a portfolio, and who of them the score sees lower."""

    protected: pd.DataFrame
    audited: pd.DataFrame
    is_lowered: np.ndarray

    @classmethod
    def drawn(cls, rows: int, lowered: str, rng: np.random.Generator) -> "Population":
        """Draw people of whom some are lowered.

        Args:
            rows: How many.
            lowered: `nobody`; `differing`, where sex and age differ (half of all); `in a part`, the
                same in a third of them by debt; or `few`, a conjunction of three that holds 1.7 %.
            rng: The chance.
        """
        protected = pd.DataFrame(
            {
                name: rng.choice([f"{name}{level}" for level in range(len(shares))], rows, p=shares)
                for name, shares in SHARES.items()
            }
        )
        audited = pd.DataFrame({name: rng.standard_normal(rows) for name in AUDITED})
        # Of equal size: fair on either attribute, unfair where they differ.
        is_female = rng.random(rows) < 0.5
        protected["sex"] = np.where(is_female, "female", "male")
        is_differing = is_female ^ (protected["old"] == "old1").to_numpy()
        is_indebted = (audited["debt"] > audited["debt"].quantile(2 / 3)).to_numpy()
        is_old = (protected["old"] == "old1").to_numpy()
        is_lowered = {
            "nobody": np.zeros(rows, dtype=bool),
            "differing": is_differing,
            "in a part": is_differing & is_indebted,
            "few": (protected["race"] == "race1").to_numpy() & is_old & is_indebted,
        }[lowered]
        return cls(protected, audited, np.asarray(is_lowered))


def judged(population: Population, rows: DecidedRows, seed: int) -> tuple[Check, ...]:
    """Judge decisions about a population by the gate as it runs."""
    persons = pd.Series(np.arange(len(rows)))
    params = plan(seed)
    report = measure_subgroups(population.protected, population.audited, rows, persons, params)
    return judge_subgroups(report, params, LIMITS)


def verdicts(
    rows: int, base_rate: float, ratio: float, lowered: str, replicates: int, seed: int
) -> Iterator[tuple[Check, ...]]:
    """Yield the checks of so many portfolios; `ratio` is of the approval rates of the lowered."""
    for number in range(replicates):
        rng = np.random.default_rng([seed, rows, number])
        population = Population.drawn(rows, lowered, rng)
        decided = draw_rows(population.is_lowered, base_rate, ratio, rng)
        yield judged(population, decided, number)


def measure_parity(
    replicates: int, seed: int, sizes: tuple[int, ...], base_rate: float
) -> Iterator[Row]:
    """Yield how often a fair model does not pass, and how often it is said to fail."""
    for rows in sizes:
        is_certified = rows >= CERTIFIED_ROWS[base_rate]
        outcomes = [
            {str(check.id): Outcome.worst([check.outcome]) for check in checks}
            | {WHOLE_GATE: Outcome.worst(check.outcome for check in checks)}
            for checks in verdicts(rows, base_rate, 1.0, "nobody", replicates, seed)
        ]
        blocked = [found[WHOLE_GATE] is not Outcome.PASS for found in outcomes]
        failed = [found[WHOLE_GATE] is Outcome.FAIL for found in outcomes]
        situation = f"parity, approval rate {base_rate:g}"
        for check, rate, high in (
            (WHOLE_GATE, np.mean(blocked), GOAL + noise(replicates) if is_certified else 1.0),
            ("subgroups, fail", np.mean(failed), GOAL + noise(replicates)),
        ):
            yield Row(GATE, check, situation, rows, float(rate), replicates, 0.0, high)


def measure_planted(
    replicates: int, seed: int, sizes: tuple[int, ...], lowered: str, base_rate: float = 0.88
) -> Iterator[Row]:
    """Yield how often a planted subgroup blocks, and how often it is confirmed by its name."""
    for rows in sizes:
        blocked = confirmed = 0
        for checks in verdicts(rows, base_rate, 0.7, lowered, replicates, seed):
            blocked += any(check.outcome is not Outcome.PASS for check in checks)
            confirmed += any(_is_planted(check, lowered) for check in checks)
        situation = f"planted ({lowered}), ratio 0.7, approval rate {base_rate:g}"
        # So few are seldom kept: how often they are missed is measured, and not promised.
        low = 0.0 if lowered == "few" else 1 - GOAL - noise(replicates)
        yield Row(GATE, WHOLE_GATE, situation, rows, blocked / replicates, replicates, low, 1.0)
        yield Row(
            GATE,
            "subgroups, fail by its name",
            situation,
            rows,
            confirmed / replicates,
            replicates,
            low if rows >= 20_000 else 0.0,
            1.0,
        )


def _is_planted(check: Check, lowered: str) -> bool:
    """Say whether a check fails about a conjunction of the two attributes that divide."""
    names = set((check.about.attribute or "").split(" and "))
    dividing = {"race", "old"} if lowered == "few" else {"sex", "old"}
    return check.outcome is Outcome.FAIL and dividing <= names


def measure_calibration(
    replicates: int, seed: int, sizes: tuple[int, ...], base_rate: float
) -> Iterator[Row]:
    """Yield how often scores that are right do not pass, and scores that are too low for some."""
    for rows in sizes:
        for lowered, ratio in (("nobody", 1.0), ("differing", 0.7)):
            if lowered != "nobody" and rows < 2_000:
                continue
            blocked = 0
            for checks in verdicts(rows, base_rate, ratio, lowered, replicates, seed):
                blocked += any(
                    check.id == SubgroupsCheck.MULTICALIBRATION_ERROR
                    and check.outcome is not Outcome.PASS
                    for check in checks
                )
            is_fair = lowered == "nobody"
            yield Row(
                GATE,
                str(SubgroupsCheck.MULTICALIBRATION_ERROR),
                f"scores {'right' if is_fair else 'too low where two attributes differ'}, "
                f"approval rate {base_rate:g}",
                rows,
                blocked / replicates,
                replicates,
                0.0 if is_fair else 1 - GOAL - noise(replicates),
                GOAL + noise(replicates) if is_fair else 1.0,
            )


def measure(replicates: int, seed: int) -> list[Row]:
    """Return every figure."""
    return list(rows_measured(replicates, seed))


def rows_measured(replicates: int, seed: int) -> Iterator[Row]:
    """Yield every figure as it is measured."""
    for base_rate in CERTIFIED_ROWS:
        yield from measure_calibration(replicates, seed, (300, 2_000), base_rate)
        yield from measure_parity(replicates, seed, (2_000, 5_000, 10_000, 20_000), base_rate)
    for lowered in ("differing", "in a part", "few"):
        yield from measure_planted(replicates, seed, (2_000, 5_000, 20_000), lowered)


def main() -> None:
    """Print the rows as a table, those outside their band marked, as they are measured."""
    replicates, seed = (int(argument) for argument in sys.argv[1:3])
    print_rows(rows_measured(replicates, seed))


if __name__ == "__main__":
    main()
