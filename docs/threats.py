"""Write docs/threats.md from the catalogue of attempts: `.venv/bin/python docs/threats.py`.

What was tried stands in `tests/attacks`, each attempt with its test. This page is the same in
words; a test holds the two together.
"""

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.attacks.attempts import Attempt

WORKSPACE = Path(__file__).resolve().parents[1]
PAGE = WORKSPACE / "docs" / "threats.md"
MEASURED = WORKSPACE / "benchmarks" / "attacks.md"
MOST_CASES = 12

HEAD = """\
# Threats

What was tried by somebody who gains by it, and what stopped it. Made from `tests/attacks` by
`docs/threats.py`; a test holds the two together.

There are two modes, and evidence says in which it was made. **local**: one account asks, runs and
judges; whoever owns the machine can lie, and what is refused here is refused to keep the books in
order. **enforced**: a worker that nobody who is judged can write to takes a commit
([enforced.md](enforced.md) says who may touch what). What is in force, a signed entry of the ledger
([evidence.md](evidence.md)), can ask for the second.

"""

WITHOUT = """\
## What each defence keeps out

In a copy of the checkout the body of one function was replaced at a time, and the attempts that it
stands against were made again (`benchmarks/attacks.py`). An attempt counts as through where its
test failed there; the others were stopped by a second defence, or have nothing to do with it.

"""

RESIDUAL = """\
## What is left

- Who may push to a protected ref decides the limits, the attributes that are judged and the stages'
  own code. Each verdict names the limits that it was made by, and what is in force names the ref.
- Who is root on the worker's machine can do everything, the ledger's keys included. A mirror, a
  witness and a time stamp show it afterwards, where what is in force requires them.
- Who holds the root key, or two people of role `compliance` who act together, put in force what
  they like. It is an entry of the ledger, with their names.
- In mode `local` a person signs with keys of their own. Such evidence counts for nothing where
  another root key is pinned, or where what is in force asks for mode `enforced`.
- The stages' account is one for all use cases, and it owns the key store: a stage's code can unseal
  the rows that it is given, destroy the keys of any use case's people, and tell what it likes in
  its lines of progress. Review keeps that out of a protected ref.
- A stage that takes all processes that its account may have, or fills the disk up to the limit,
  keeps other stages from running until it is ended. The service itself goes on.
- Who may ask the worker's service may have it go back to a model that served before, if that is
  cleared and its approval in force. The log says who did.
- Who may push to any branch of the remote fills the worker's mirror.
- Where root may not mount (a container without SYS_ADMIN), a stage can leave rows wherever
  everybody may write to. Its evidence says `files: shared`.
- A library that a lock names is trusted by its hash. What it does in the worker's process, the
  worker does.
"""


def main(arguments: list[str]) -> int:
    """Write the page; with `--check` write nothing, and say whether it is up to date."""
    text = threats_page()
    if arguments == ["--check"]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text else 2
    PAGE.write_text(text, encoding="utf-8")
    return 0


def threats_page() -> str:
    """Return the whole page: first what nothing stopped, then every kind with its attempts."""
    sys.path.insert(0, str(WORKSPACE))
    from tests.attacks.attempts import Kind, Mode, read_catalogue

    catalogue = read_catalogue()
    stopped = [entry for entry in catalogue if entry.is_stopped]
    open_ones = [entry for entry in catalogue if not entry.is_stopped]
    enforced = sum(entry.mode is Mode.ENFORCED for entry in catalogue)

    tests = len({entry.test for entry in catalogue})
    count = (
        f"{len(catalogue)} attempts in {tests} tests, {enforced} of them against a worker in "
        f"enforced mode; {len(open_ones)} are not stopped. Where a row lists cases (variables,\n"
        "files, names), each is an attempt.\n"
    )
    parts = [HEAD + count, "## What nothing stops\n\n" + _table(open_ones)]
    for kind in Kind:
        of_kind = [entry for entry in stopped if entry.kind is kind]
        if of_kind:
            parts.append(f"## {str(kind).capitalize()}\n\n{_table(of_kind)}")
    parts.append(WITHOUT + MEASURED.read_text(encoding="utf-8"))
    return "\n".join([*parts, RESIDUAL])


def _table(entries: Iterable["Attempt"]) -> str:
    """Return a table with a row for each test and what it says; cases are listed in it."""
    lines = ["| what was done | mode | what stopped it | test |", "|---|---|---|---|"]
    for (what, mode, stopped_by, test), same in groupby(entries, key=_row_of):
        cases = [_cell(entry.case) for entry in same if entry.case]
        shown = ", ".join(cases[:MOST_CASES])
        if len(cases) > MOST_CASES:
            shown += f" and {len(cases) - MOST_CASES} more"
        done = f"{_cell(what)}: {shown}" if shown else _cell(what)
        lines.append(f"| {done} | {mode} | {_cell(stopped_by)} | `{test}` |")
    return "\n".join(lines) + "\n"


def _row_of(entry: "Attempt") -> tuple[str, str, str, str]:
    return entry.what, entry.mode.value, entry.stopped_by, entry.test


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
