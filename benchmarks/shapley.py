"""Compare our SHAP values with those of the packages shap and woodelf-explainer, in one run.

    python benchmarks/shapley.py [--peers <folder>] [--rows 50000] [--background 10000]

A LightGBM model of 100 trees is trained on invented numbers, and rows like those are explained
against others of them: interventional SHAP values in log-odds, which the three define alike.
Figures are CPU seconds, the preparation included, and rows per CPU second; the one to look at is
the ratio to shap, which is asked about `--shap-rows` of the rows, for its time is rows times
background. Ways take turns in `--rounds`, and the median counts. `--peers` is a folder with
benchmarks/shapley-peers.txt installed; a peer that is not there is "not measured".
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import lightgbm
import numpy as np

from tasks.model.families import LightGbm, Matrix
from tasks.model.scorer import single_precision
from tasks.model.shapley import Explainer

INPUTS = 30
PARAMETERS = {
    "objective": "binary",
    "num_leaves": 15,
    "max_depth": 6,
    "deterministic": True,
    "num_threads": 1,
    "verbose": -1,
    "seed": 1,
}
Way = Callable[[LightGbm, Matrix, Matrix], Matrix]


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--background", type=int, default=10_000)
    parser.add_argument("--shap-rows", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    by = parser.parse_args()
    if by.peers:
        sys.path.append(str(by.peers))

    model = _trained()
    rows = _draw(by.rows, seed=2)
    background = _draw(by.background, seed=3)
    ways: dict[str, tuple[Way, Matrix]] = {
        "ours": (_ours, rows),
        "woodelf-explainer": (_woodelf, rows),
        "shap": (_shap, rows[: by.shap_rows]),
    }
    spent: dict[str, list[float]] = {}
    values: dict[str, Matrix] = {}
    for _ in range(by.rounds):
        for name, (way, asked) in ways.items():
            began = time.process_time()
            try:
                values[name] = way(model, asked, background)
            except ImportError:
                continue  # the table says so
            spent.setdefault(name, []).append(time.process_time() - began)

    _print_table(ways, spent, values, by.background)


def _print_table(
    ways: dict[str, tuple[Way, Matrix]],
    spent: dict[str, list[float]],
    values: dict[str, Matrix],
    background: int,
) -> None:
    rates = {
        name: len(ways[name][1]) / statistics.median(seconds) for name, seconds in spent.items()
    }
    print(f"Against {background:,} rows, {INPUTS} inputs, 100 trees:\n")
    print("| | rows | CPU s | rows a CPU s | times shap | farthest from ours |")
    print("|---|---|---|---|---|---|")
    for name, seconds in spent.items():
        given = values[name]
        farthest = np.abs(given - values["ours"][: len(given)]).max()
        print(
            f"| {name} | {len(given):,} | {statistics.median(seconds):.2f} | {rates[name]:,.0f} "
            f"| {rates[name] / rates['shap']:,.0f} | {farthest:.0e} |"
        )
    for name in ways:
        if name not in spent:
            print(f"| {name} | not measured: it is not installed | | | | |")


def _draw(count: int, seed: int) -> Matrix:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, INPUTS))
    matrix[:, ::3] = matrix[:, ::3] > 0
    return single_precision(matrix)


def _trained() -> LightGbm:
    matrix = _draw(20_000, seed=1)
    noise = np.random.default_rng(4).normal(size=len(matrix))
    odds = matrix[:, 1] * (1 + matrix[:, 0]) - matrix[:, 2:12].sum(axis=1) / 3 + noise
    data = lightgbm.Dataset(matrix, label=odds > 0)
    return LightGbm(lightgbm.train(PARAMETERS, data, num_boost_round=100))


def _ours(model: LightGbm, rows: Matrix, background: Matrix) -> Matrix:
    return Explainer(model, background).contributions(rows)


def _woodelf(model: LightGbm, rows: Matrix, background: Matrix) -> Matrix:
    import pandas as pd
    from woodelf import WoodelfExplainer

    names = model.native.feature_name()
    explainer: Any = WoodelfExplainer(model.native, pd.DataFrame(background, columns=names))
    return np.asarray(explainer.shap_values(pd.DataFrame(rows, columns=names)))


def _shap(model: LightGbm, rows: Matrix, background: Matrix) -> Matrix:
    import shap

    explainer: Any = shap.TreeExplainer(
        model.native,
        # Without this it would take a hundred of the rows, and not say so.
        shap.maskers.Independent(background, max_samples=len(background)),
        feature_perturbation="interventional",
        model_output="raw",
    )
    return np.asarray(explainer.shap_values(rows, check_additivity=False))


if __name__ == "__main__":
    main()
