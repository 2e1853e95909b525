"""Why small groups are not judged by partial pooling: what it misses.

    python -m benchmarks.characteristics.partial_pooling 400 1        # replicates, seed

Empirical Bayes: the approval rates of the groups of one attribute come from one beta distribution,
whose mean and weight are fitted to them (beta-binomial); each group's rate is drawn towards their
mean, the more so the fewer rows it has. A group passes where 97.5 % of its posterior ratio to the
privileged group lies above the limit. One group of four is approved 0.7 times as often.
"""

import sys

import numpy as np
from scipy.special import betaln

from benchmarks.characteristics.row import Row

OTHER_ROWS = (1600, 197, 108)  # privileged first; of the reference data
LIMIT = 0.8
DRAWS = 1000
WEIGHTS = np.geomspace(2, 5000, 40)  # rows that the common distribution is worth
GOAL = 0.05


def measure(replicates: int, seed: int) -> list[Row]:
    """Return how often a group on whose treatment the gate must not pass is blocked."""
    return [
        Row(
            gate="partial pooling, not used",
            check="disparate impact ratio",
            situation=f"true ratio 0.7, approval rate {base_rate:g}",
            rows=rows,
            rate=1 - passed_ratio(rows, base_rate, 0.7, replicates, seed),
            replicates=replicates,
            # The band of a rule that could be used. It does not reach it.
            expected_low=1 - GOAL,
            expected_high=1.0,
        )
        for base_rate in (0.5, 0.88)
        for rows in (30, 50, 73, 108, 250)
    ]


def passed_ratio(rows: int, base_rate: float, ratio: float, replicates: int, seed: int) -> float:
    """Return how often the small group passes, if it alone is approved less often."""
    rng = np.random.default_rng(seed)
    sizes = np.array([*OTHER_ROWS, rows])
    rates = np.array([base_rate] * len(OTHER_ROWS) + [base_rate * ratio])
    passed = 0
    for _ in range(replicates):
        approved = rng.binomial(sizes, rates)
        prior_approved, prior_declined = fit_beta(approved, sizes)
        posterior = rng.beta(
            approved + prior_approved, sizes - approved + prior_declined, size=(DRAWS, len(sizes))
        )
        passed += int(np.quantile(posterior[:, -1] / posterior[:, 0], 0.025) >= LIMIT)
    return float(passed / replicates)


def fit_beta(approved: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """Return the beta distribution under which the counts are most likely, over a grid."""
    means = np.linspace(0.02, 0.98, 49)[:, None, None]
    weights = WEIGHTS[None, :, None]
    first = means * weights
    second = (1 - means) * weights
    likelihood = betaln(approved + first, sizes - approved + second) - betaln(first, second)
    best = likelihood.sum(axis=2).argmax()
    return float(first[..., 0].flat[best]), float(second[..., 0].flat[best])


if __name__ == "__main__":
    for row in measure(int(sys.argv[1]), int(sys.argv[2])):
        print(f"{row.situation}, {row.rows} rows: missed {1 - row.rate:.1%}")
