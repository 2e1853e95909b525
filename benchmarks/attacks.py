"""Take one defence out at a time, and see what would have got through: benchmarks/attacks.py.

    .venv/bin/python benchmarks/attacks.py [--write]

In a copy of this checkout the body of one function is replaced, and the attempts that it stands
against are made (`tests/attacks`). An attempt whose test fails there would have succeeded: they all
pass where nothing was taken out. A defence whose absence lets nothing through is doubled by another
one, or is not tested.

With `--write` the table goes into benchmarks/attacks.md, which docs/threats.md shows.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[1]
RESULT = WORKSPACE / "benchmarks" / "attacks.md"
COUNTED = re.compile(r"(\d+) (passed|failed|error)")


@dataclass(frozen=True)
class Defence:
    """A function that keeps something out, what it would do without, and who tries it."""

    name: str
    file: str
    function: str
    body: str
    tests: str
    chosen: str


DEFENCES = (
    Defence(
        "names of people are folded",
        "tasks/attestation/identities.py",
        "fold_name",
        "return name",
        "tests/attacks/test_people.py",
        "",
    ),
    Defence(
        "a second person is told from the first",
        "tasks/verifier/approvals.py",
        "include",
        "return False",
        "tests/attacks/test_people.py",
        "",
    ),
    Defence(
        "what is in force asks for approvals",
        "tasks/verifier/in_force/objections.py",
        "_of_approvals",
        "yield from ()",
        "tests/attacks/test_people.py",
        "",
    ),
    Defence(
        "the registry's bytes are read back",
        "tasks/registry/client.py",
        "_require_bytes",
        "return None",
        "tests/attacks/test_registry.py",
        "not of_the_worker",
    ),
    Defence(
        "a name in the registry has an owner",
        "tasks/registry/client.py",
        "require_ownership",
        "client.search_registered_models() or client.create_registered_model(name)",
        "tests/attacks/test_registry.py",
        "not of_the_worker",
    ),
    Defence(
        "the pin remembers the log",
        "tasks/ledger/pin.py",
        "check",
        "return None",
        "tests/attacks/test_local.py",
        "",
    ),
    Defence(
        "what differs from the commit is found",
        "tasks/code_identity/commits.py",
        "find_commit",
        "return Commit()",
        "tests/attacks/test_local.py tests/attacks/test_environment.py",
        "git or ignored or hidden or status",
    ),
    Defence(
        "inputs are compared after the stage has run",
        "tasks/worker/run_folder.py",
        "require_unchanged",
        "return None",
        "tests/attacks/test_local.py",
        "",
    ),
    Defence(
        "a stage's environment is without credentials",
        "tasks/settings.py",
        "environment_of_stage",
        "return dict(environ)",
        "tests/attacks/test_environment.py",
        "credentials",
    ),
    Defence(
        "a use case's name has one form",
        "tasks/config/case_name.py",
        "check_case_name",
        "return str(name)",
        "tests/attacks/test_local.py",
        "name",
    ),
    Defence(
        "a commit is on a protected ref, or signed",
        "tasks/checkout/commit_mirror.py",
        "releasable",
        "return Releasable(commit, ref='refs/heads/main')",
        "tests/attacks/test_commits.py",
        "of_another_ref or left_the_protected or not_pushed",
    ),
    Defence(
        "a commit brings no judge of its own",
        "tasks/service/workspace.py",
        "require_own_judge",
        "return None",
        "tests/attacks/test_commits.py",
        "another_judge and (check or publishing or settings or lock)",
    ),
    Defence(
        "a commit has one pipeline",
        "tasks/checkout/commit_mirror.py",
        "_is_pipeline",
        "return False",
        "tests/attacks/test_commits.py",
        "could_be_read",
    ),
    Defence(
        "a module and a package have not one name",
        "tasks/checkout/commit_mirror.py",
        "_require_one_module_a_name",
        "return None",
        "tests/attacks/test_commits.py",
        "could_be_read",
    ),
)


def main(arguments: list[str]) -> int:
    """Take out what is named, or everything in turn; print, and write, what got through."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name}")
    parser.add_argument("functions", nargs="*", help="only the defences of these functions")
    options = parser.parse_args(arguments)

    rows = [
        "| without this | function | attempts made | would have got through |",
        "|---|---|---|---|",
    ]
    for defence in DEFENCES:
        if options.functions and defence.function not in options.functions:
            continue
        made, through = try_without(defence)
        place = f"`{defence.file}`: `{defence.function}`"
        rows.append(f"| {defence.name} | {place} | {made} | {through} |")
        sys.stdout.write(f"{rows[-1]}\n")
        sys.stdout.flush()
    if options.write:
        RESULT.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return 0


def try_without(defence: Defence) -> tuple[int, int]:
    """Return how many attempts were made without a defence, and how many of them succeeded."""
    with tempfile.TemporaryDirectory(prefix="portcullis-attacks-") as folder:
        Path(folder).chmod(0o755)  # the accounts of the attempts read it
        copy = Path(folder) / "checkout"
        subprocess.run(["git", "clone", "-q", str(WORKSPACE), str(copy)], check=True)
        (copy / ".venv").symlink_to(WORKSPACE / ".venv")
        path = copy / defence.file
        text = without_body(path.read_text(encoding="utf-8"), defence.function, defence.body)
        path.write_text(text, encoding="utf-8")

        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no"]
        command += ["-o", "addopts=", f"--basetemp={folder}/tmp", *defence.tests.split()]
        if defence.chosen:
            command += ["-k", defence.chosen]
        environment = {"PATH": os.environ["PATH"], "HOME": folder}
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
        shutil.rmtree(Path(folder) / "tmp", ignore_errors=True)

    counts = {word: int(count) for count, word in COUNTED.findall(done.stdout[-400:])}
    if counts.get("error") or not counts:
        raise RuntimeError(f"{defence.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    through = counts.get("failed", 0)
    return counts.get("passed", 0) + through, through


def without_body(source: str, function: str, body: str) -> str:
    """Return a module's source in which a function does nothing but `body`.

    Raises:
        ValueError: There is not exactly one such function.
    """
    nodes = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    if len(nodes) != 1:
        raise ValueError(f"{len(nodes)} functions `{function}`")
    (node,) = nodes
    first = node.body[0]
    lines = source.splitlines()
    indent = " " * first.col_offset
    return "\n".join([*lines[: first.lineno - 1], f"{indent}{body}", *lines[node.end_lineno :], ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
