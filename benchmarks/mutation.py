"""Change the code in small ways, one at a time, and see whether its own tests notice.

    python benchmarks/mutation.py                        # every module of `MODULES`
    python benchmarks/mutation.py gates ledger/merkle    # a room, or one module of it
    python benchmarks/mutation.py gates --minutes 5      # at most five minutes a module

Each module is judged by its own tests alone (`tasks/gates/check.py` by `tests/tasks/gates`; see
`MODULES`), in a clone of what is committed. Prints a Markdown table for docs/benchmarks.md, then
every survivor with its place and its diff. A survivor is a change that none of these tests notices:
a missing test, or a change that makes no difference. "No test" is a change in a function that none
of them calls. "Timed out" is listed too: mostly a loop without an end, which a person would notice.
What the time limit cut off is "not run", which is no kill.

The tool is mutmut, in the versions of benchmarks/mutation.txt, installed into a folder that is
thrown away. It was chosen over cosmic-ray, tried on the same modules on 26 November 2026:

- mutmut loads pytest and the tests once and forks a process for each mutant, which runs only the
  tests that reach the changed function: 0.1 s of CPU for a mutant of `tasks/gates`. cosmic-ray
  starts a command for each, 1.7 to 3.2 s for the same tests.
- cosmic-ray mutates annotations (`float | None` becomes `float + None`), which fails at import: a
  kill that says nothing. It has 778 mutants for `merkle.py`, most of them one operator replaced by
  each of eleven others.
- mutmut also changes strings and arguments. It leaves alone what stands outside functions, and
  functions with a decorator other than `staticmethod` and `classmethod`, so properties too.

Both work with packages at the top level and `--import-mode=importlib`. Property tests draw anew in
each run, so that a survivor can be killed the next time by luck; the opposite is a flaky test.
"""

import argparse
import ast
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.workspace import CHECKOUT, Bench

# Module -> which test files of its room are its own. Where files are few and fast, all of them.
MODULES = {
    "gates/check": "test_*.py",
    "gates/decision": "test_*.py",
    "gates/limits": "test_*.py",
    "gates/outcome": "test_*.py",
    "gates/verdict": "test_*.py",
    "ledger/merkle": "test_merkle*.py",
    "ledger/checkpoint": "test_checkpoint*.py",
    "ledger/proof": "test_proof*.py",
    "ledger/tiles": "test_*.py",
    "ledger/ledger": "test_ledger*.py",
    "ledger/sqlite_store": "test_*.py",
    "clearance/policy": "test_policy*.py",
    "clearance/check": "test_check*.py",
    "clearance/attest_stage": "test_attest_stage*.py",
}
NOT_RUN = "not run"
LISTED = ("survived", "no test", "timed out")
KINDS = ("killed", "survived", "no test", "timed out", NOT_RUN)

# mutmut's exit codes (mutmut/stats.py); whatever is not among them gave no verdict. A mutant that
# crashes the interpreter (a negative code) does not go unnoticed.
KIND_OF_CODE = {
    0: "survived",
    1: "killed",
    3: "killed",
    -9: "killed",
    -11: "killed",
    5: "no test",
    33: "no test",
    36: "timed out",
    24: "timed out",
    -24: "timed out",
    152: "timed out",
    255: "timed out",
}

# Runs inside the clone, where mutmut can be imported; reads names of mutants, one a line.
DIFFS = """
import json, sys
from mutmut.mutation.diff_apply import get_diff_for_mutant
path = sys.argv[1]
print(json.dumps({name: get_diff_for_mutant(name, path=path) for name in sys.stdin.read().split()}))
"""


@dataclass(frozen=True)
class Survivor:
    """A change that no test failed for; `line` is where it starts in the module."""

    path: str
    line: int
    name: str
    kind: str
    diff: str


@dataclass(frozen=True)
class ModuleResult:
    """What became of the mutants of one module; `why_not` says why none of them ran."""

    path: str
    counts: Counter[str]
    survivors: tuple[Survivor, ...]
    seconds: float
    why_not: str = ""

    def row(self) -> str:
        """Return its row of the table."""
        if self.why_not:
            return f"| `{self.path}` | {NOT_RUN}: {self.why_not} |" + " |" * 6
        figures = " | ".join(str(self.counts[kind]) for kind in KINDS)
        total = sum(self.counts.values())
        return f"| `{self.path}` | {total} | {figures} | {self.seconds:.0f} |"


def main() -> None:
    """Run the modules that were asked for and print what became of their mutants."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", help="`room` or `room/module`; all without")
    parser.add_argument("--minutes", type=float, default=30.0, help="at most, for each module")
    parser.add_argument("--workers", type=int, default=2, help="mutants that run at once")
    parser.add_argument("--no-survivors", action="store_true", help="print the table alone")
    options = parser.parse_args()
    modules = select_modules(options.modules)

    results = []
    with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as folder:
        tool = install_tool(Path(folder) / "tool")
        bench = Bench.clone(Path(folder) / "clone")
        for module in modules:
            result = mutate_module(bench, tool, module, options.minutes * 60, options.workers)
            print(result.row(), file=sys.stderr, flush=True)
            results.append(result)

    print(f"| module | mutants | {' | '.join(KINDS)} | seconds |")
    print("|---|" + "---|" * (len(KINDS) + 2))
    for result in results:
        print(result.row())
    if not options.no_survivors:
        for result in results:
            print_survivors(result.survivors)


def select_modules(wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the modules that were asked for by room or by name, in the order of `MODULES`."""
    unknown = [
        name
        for name in wanted
        if not any(name in (module, module.partition("/")[0]) for module in MODULES)
    ]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; there are {', '.join(MODULES)}")
    return tuple(
        module
        for module in MODULES
        if not wanted or module in wanted or module.partition("/")[0] in wanted
    )


def install_tool(folder: Path) -> Path:
    """Install mutmut into `folder`, beside nothing that the project's environment has already."""
    pins = CHECKOUT / "benchmarks" / "mutation.txt"
    command = ["uv", "pip", "install", "--quiet", "--python", sys.executable]
    subprocess.run(
        [sys.executable, "-m", *command, "--target", str(folder), "--no-deps", "-r", str(pins)],
        check=True,
    )
    return folder


def mutate_module(
    bench: Bench, tool: Path, module: str, limit_seconds: float, workers: int
) -> ModuleResult:
    """Run every mutant of a module, or as many as there is time for."""
    path = f"tasks/{module}.py"
    _configure(bench.root, path, _own_tests(bench.root, module))

    start = time.perf_counter()
    words = _run_mutmut(bench, tool, limit_seconds, workers)
    seconds = time.perf_counter() - start

    # mutmut writes a module's file of results before its first mutant runs, with a null for each.
    results = bench.root / "mutants" / f"{path}.meta"
    if not results.exists():
        last_line = (words.strip().splitlines() or ["mutmut said nothing"])[-1]
        return ModuleResult(path, Counter(), (), seconds, last_line[-120:])
    codes: dict[str, int | None] = json.loads(results.read_text())["exit_code_by_key"]
    kinds = {name: _kind(code) for name, code in codes.items()}
    survivors = _read_survivors(bench, tool, path, kinds)
    return ModuleResult(path, Counter(kinds.values()), survivors, seconds)


def print_survivors(survivors: Sequence[Survivor]) -> None:
    """Print where each survivor is and what was changed."""
    for survivor in survivors:
        print(f"\n{survivor.path}:{survivor.line}: {survivor.kind}: {survivor.name}")
        for line in survivor.diff.splitlines():
            if line[:1] in "+-" and line[:3] not in ("+++", "---"):
                print(f"    {line}")


def _kind(code: int | None) -> str:
    return NOT_RUN if code is None else KIND_OF_CODE.get(code, NOT_RUN)


def _own_tests(clone: Path, module: str) -> list[str]:
    folder = clone / "tests" / "tasks" / module.partition("/")[0]
    return [str(path.relative_to(clone)) for path in sorted(folder.glob(MODULES[module]))]


def _configure(clone: Path, path: str, tests: list[str]) -> None:
    """Write what mutmut reads, and forget the module before: its results would be reused."""
    # `mutmut` copies the tree into `mutants/` and runs the tests there, so all that they read and
    # import has to come along. Tests of a room may import others' helpers.
    copied = ["benchmarks", "configs", "dvc.yaml", "docs", "flows", "portcullis", "tasks", "tests"]
    settings = {
        "source_paths": [path],
        "also_copy": copied,
        "pytest_add_cli_args_test_selection": tests,
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        # A mutant may take (its tests' own seconds + constant) * multiplier. mutmut's defaults give
        # a loop without an end a minute and more, and Merkle trees have many such mutants.
        "timeout_multiplier": 3.0,
        "timeout_constant": 4.0,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]

    subprocess.run(["git", "-C", str(clone), "checkout", "--quiet", "."], check=True)
    subprocess.run(["rm", "-rf", str(clone / "mutants")], check=True)
    with (clone / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n".join(["", "[tool.mutmut]", *lines, ""]))


def _run_mutmut(bench: Bench, tool: Path, limit_seconds: float, workers: int) -> str:
    """Run it until it ends or its time is over; return what it said."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(workers)]
    process = subprocess.Popen(
        command,
        cwd=bench.root,
        env=_environment(bench, tool),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=limit_seconds)[0]
    except subprocess.TimeoutExpired:
        # Its children belong to its session, and would go on for as long as their tests do.
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]


def _environment(bench: Bench, tool: Path) -> dict[str, str]:
    return {**bench.environment, "PYTHONPATH": str(tool)}


def _read_survivors(
    bench: Bench, tool: Path, path: str, kinds: dict[str, str]
) -> tuple[Survivor, ...]:
    """Return the mutants that no test failed for, in the order of the module's lines."""
    listed = {name: kind for name, kind in kinds.items() if kind in LISTED}
    done = subprocess.run(
        [sys.executable, "-c", DIFFS, path],
        cwd=bench.root,
        env=_environment(bench, tool),
        input="\n".join(listed),
        capture_output=True,
        text=True,
        check=True,
    )
    diffs: dict[str, str] = json.loads(done.stdout)

    text = (bench.root / path).read_text(encoding="utf-8")
    survivors = [
        Survivor(path, _line_of(text, name, diffs[name]), name, kind, diffs[name])
        for name, kind in listed.items()
    ]
    return tuple(sorted(survivors, key=lambda survivor: survivor.line))


def _line_of(text: str, name: str, diff: str) -> int:
    """Return the first line of `text` that a diff removes; a diff counts from its function on."""
    first, last = _function_lines(text, name)
    before = [line[1:].strip() for line in diff.splitlines()[3:] if line[:1] in (" ", "-")]
    removed = [line[:1] for line in diff.splitlines()[3:] if line[:1] in (" ", "-")].index("-")

    lines = [line.strip() for line in text.splitlines()]
    for at in range(first - 1, last):
        if lines[at : at + len(before)] == before:
            return at + removed + 1
    return first


def _function_lines(text: str, name: str) -> tuple[int, int]:
    """Return where the function of a mutant starts and ends: `….x_f__…` or `….xǁClassǁf__…`."""
    mangled = name.rpartition(".")[2].partition("__mutmut_")[0]
    parts = mangled.split("ǁ")[1:] or [mangled.removeprefix("x_")]

    nodes: list[ast.stmt] = ast.parse(text).body
    line, end = 1, len(text.splitlines())
    for part in parts:
        for node in nodes:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == part:
                line, end, nodes = node.lineno, node.end_lineno or end, node.body
                break
    return line, end


if __name__ == "__main__":
    main()
