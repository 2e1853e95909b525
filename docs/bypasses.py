"""Write docs/registry-bypasses.md: `.venv/bin/python docs/bypasses.py`.

It is made of what `benchmarks/bypasses.py` counted; a test holds the two together.
"""

import json
import sys
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[1]
PAGE = WORKSPACE / "docs" / "registry-bypasses.md"
RESULTS = WORKSPACE / "benchmarks" / "bypasses.json"

HEAD = """\
# What each layer of the registry stops

Every attempt of `tests/attempts.py` and `tests/layers.py`, made against a running stack with the
layers that a column names, after a worker has released a model into it. A cell says how many
changed the registry, the released run or the released bytes; what one changed was put back before
the next. Made from `benchmarks/bypasses.json` by `docs/bypasses.py`; `benchmarks/bypasses.py`
counts anew, and `tests/tasks/registry_store/test_layers.py` makes all of them against all layers.

The layers: 1 identity, roles and closed runs; 2 the store that verifies evidence; 3 the database's
roles and triggers; 4 the write-once bucket. "none" is plain MLflow. Without the first layer nobody
signs in, and every caller is everybody.

"""

TAIL = """
What the Gatekeeper may do by its role (describe a version) is not counted as an attempt. What the
second layer stops alone are calls; bytes that are exchanged after a version was made it notices
when an alias is given, and `load_model` at each load.
"""


def main(arguments: list[str]) -> int:
    """Write the page; with `--check` write nothing, and say whether it is up to date."""
    text = bypasses_page()
    if arguments == ["--check"]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text else 2
    PAGE.write_text(text, encoding="utf-8")
    return 0


def bypasses_page() -> str:
    """Return the whole page: a table of counts, and a table of every attempt."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    columns = sorted(results, key=lambda name: (len(name), name))
    through = {
        column: {(way, name): is_through for way, name, is_through in results[column]}
        for column in columns
    }
    attempts = list(dict.fromkeys(key for column in columns for key in through[column]))
    ways = list(dict.fromkeys(way for way, _ in attempts))
    titles = [_title(column) for column in columns]

    lines = [_row(["let through", "attempts", *titles]), _row(["---"] * (len(columns) + 2))]
    for way in ways:
        own = [key for key in attempts if key[0] == way]
        counts = [str(sum(through[column].get(key, False) for key in own)) for column in columns]
        lines.append(_row([way, str(len(own)), *counts]))
    sums = [str(sum(through[column].values())) for column in columns]
    lines.append(_row(["all", str(len(attempts)), *sums]))

    detail = ["\n## Each attempt\n\n`!` let through, `·` stopped.\n"]
    for way in ways:
        detail += [f"\n### {way[0].upper()}{way[1:]}\n", _row(["attempt", *titles])]
        detail.append(_row(["---"] * (len(columns) + 1)))
        for key in (key for key in attempts if key[0] == way):
            marks = ["!" if through[column].get(key, False) else "·" for column in columns]
            detail.append(_row([key[1], *marks]))
    return HEAD + "\n".join(lines) + "\n" + TAIL + "\n".join(detail) + "\n"


def _title(column: str) -> str:
    return "none" if column == "0" else "+".join(column)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
