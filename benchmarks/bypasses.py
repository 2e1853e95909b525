"""Which layer stops what: the whole list of attempts, once for each combination of layers.

`.venv/bin/python benchmarks/bypasses.py [123 1234 …]` starts a stack for each combination (0 is
plain MLflow; by default all sixteen) and writes what it counted into
`benchmarks/bypasses.json`, of which `docs/bypasses.py` makes the page. It takes some minutes, and
what `./portcullis server` needs.
"""

import json
import sys
import tempfile
from itertools import combinations
from pathlib import Path

import pytest

WORKSPACE = Path(__file__).resolve().parents[1]
RESULTS = WORKSPACE / "benchmarks" / "bypasses.json"
COMBINATIONS = (
    "0",
    *("".join(layers) for size in range(1, 5) for layers in combinations("1234", size)),
)


def main(arguments: list[str]) -> int:
    """Make the attempts, and write down what they came to."""
    sys.path.insert(0, str(WORKSPACE))
    from tests.layers import try_everything

    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    for name in arguments or COMBINATIONS:
        layers = frozenset(map(int, name)) - {0}
        with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
            workspace = _signed_case(Path(scratch), patch)
            outcomes = try_everything(Path(scratch) / "stack", layers, workspace, patch)
        results[name] = [[item.way.value, item.name, item.is_through] for item in outcomes]
        through = sum(item.is_through for item in outcomes)
        print(f"{name}: {through} of {len(outcomes)} let through", flush=True)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


def _signed_case(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Make a use case that the worker has signed for, up to its registration."""
    from tasks.code_identity import environment
    from tasks.stages.decide.stage import run as decide
    from tasks.stages.workspace import StageRun
    from tests.installations import installation_at
    from tests.tasks.judged import CASE, RULES_OF_TESTS, attested, judged

    # To measure this process's libraries takes seconds, and says nothing about the registry.
    known = environment.Environment("e" * 64, "the benchmark's", ())
    patch.setattr(environment, "measure_environment", lambda *_, **__: known)
    patch.setenv("PORTCULLIS_ACTOR", "the-benchmark")
    patch.setenv("PORTCULLIS_HOME", str(folder / "home"))
    patch.setattr("tasks.clearance.own_limits.RULES_OF", RULES_OF_TESTS)
    workspace = judged(folder / "checkout")
    decide(StageRun("decide", CASE, installation_at(workspace)))
    attested(workspace)
    return workspace


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
