"""Run the canaries with four whole releases: `python -m benchmarks.canaries`.

The suite takes three of the four versions as far as `redact`: a whole release costs almost a minute
of CPU, and seals two more datasets, scores and reasons, of which one version is in the suite. Here
all four are released, so that four models learnt from the ten who are erased. What is checked is
the same.
"""

import sys
from pathlib import Path

import pytest

CANARIES = Path(__file__).parents[1] / "tests" / "flows" / "canaries"


def main() -> int:
    """Release four times, plant, erase and compare; the exit code is pytest's."""
    from tests.flows.canaries import planting

    planting.RELEASED_TO = ("register",) * planting.VERSIONS
    return pytest.main(["-q", "-p", "no:xdist", "--durations=10", str(CANARIES), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
