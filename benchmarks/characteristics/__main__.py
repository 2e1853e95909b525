"""Measure how often each gate is wrong, write the page, and fail where a rate is out of its band.

    python -m benchmarks.characteristics                 # every gate, and docs/characteristics.md
    python -m benchmarks.characteristics --small         # seconds; writes nothing
    python -m benchmarks.characteristics --only validate --replicates 60

A gate is a module of this folder with `GATE`, `REPLICATES` (how many a full run draws) and
`measure(replicates, seed) -> list[Row]`: a new one counts by itself. Where it has
`measure_small(seed)`, a small run calls that, and else `measure` with two replicates.
"""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from scipy.stats import binomtest

from benchmarks import characteristics
from benchmarks.characteristics.row import Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "characteristics.md"
SEED = 1
REPLICATES = 40  # of a gate that says nothing
SMALL_REPLICATES = 2
HEAD = """# How often each gate is wrong

Written by `python -m benchmarks.characteristics`, through the gates' own judging functions; do not
edit. *Rate*: how often the check did not pass, with its exact 95 % interval (Clopper and Pearson);
of good data a false alarm, of a fault the power. Rows about an interval give the share that holds
the truth, summed over all that can be drawn. The band is what was expected before the run, with an
allowance for chance. What each situation is, and what no gate sees:
[data-quality.md](data-quality.md), [adverse-action.md](adverse-action.md),
[fairness.md](fairness.md).
"""
COLUMNS = (
    "| check | situation | rows | rate | interval | replicates | band | in band |\n"
    "|---|---|---|---|---|---|---|---|"
)


def main(arguments: list[str]) -> int:
    """Measure; 0 where every rate lies in its band, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.characteristics",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--small", action="store_true", help="a run of seconds, without a page")
    parser.add_argument("--only", metavar="GATE", help="one gate, without a page")
    parser.add_argument("--replicates", type=int, help="of every situation, for every gate")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)

    rows: list[Row] = []
    for module in modules():
        if options.only in (None, module.GATE):
            rows += _measured(module, options)
    if not rows:
        print(f"no gate {options.only}", file=sys.stderr)
        return 2

    page = "\n".join((HEAD, *table_of(rows))) + "\n"
    print(page)
    if not options.small and options.only is None:
        PAGE.write_text(page, encoding="utf-8")
    outside = [row for row in rows if not row.is_in_band]
    for row in outside:
        print(f"out of its band: {row}", file=sys.stderr)
    return 1 if outside else 0


def modules() -> tuple[ModuleType, ...]:
    """Return the gates' modules, in order of name."""
    names = sorted(module.name for module in pkgutil.iter_modules(characteristics.__path__))
    loaded = (
        importlib.import_module(f"{characteristics.__name__}.{name}")
        for name in names
        if name != "__main__"
    )
    return tuple(module for module in loaded if hasattr(module, "GATE"))


def table_of(rows: Sequence[Row]) -> list[str]:
    """Return a table for each gate, as lines of Markdown."""
    lines: list[str] = []
    for gate in dict.fromkeys(row.gate for row in rows):
        lines += [f"## {gate}", "", COLUMNS]
        lines += [_line(row) for row in rows if row.gate == gate]
        lines.append("")
    return lines[:-1]


def _measured(module: ModuleType, options: argparse.Namespace) -> list[Row]:
    measure_small = getattr(module, "measure_small", None)
    if options.small and measure_small is not None:
        return list(measure_small(options.seed))
    usual = SMALL_REPLICATES if options.small else getattr(module, "REPLICATES", REPLICATES)
    return list(module.measure(options.replicates or usual, options.seed))


def _line(row: Row) -> str:
    if row.replicates > 0:
        count = round(row.rate * row.replicates)
        limits = binomtest(count, row.replicates).proportion_ci(method="exact")
        interval = f"{limits.low:.3f} to {limits.high:.3f}"
        replicates = f"{row.replicates:,}"
    else:
        # Summed over all that can be drawn: no chance is left in it.
        interval = "exact"
        replicates = "all"
    cells = (
        f"`{row.check}`",
        row.situation,
        f"{row.rows:,}",
        f"{row.rate:.3f}",
        interval,
        replicates,
        f"{row.expected_low:.2f} to {row.expected_high:.2f}",
        "yes" if row.is_in_band else "**no**",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
