"""Write the table of places into docs/privacy.md: `.venv/bin/python docs/places.py`.

Where people may stand, and how each place is searched and cleaned, is told by the catalogue of the
sinks. This table is the same in words; a test holds the two together.
"""

import sys
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[1]
PAGE = WORKSPACE / "docs" / "privacy.md"
HEAD = "| place | sink | searched | cleaned |\n|---|---|---|---|\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def with_table(page: str) -> str:
    """Return the page with the table as the catalogue has it, in the place of the one it has."""
    sys.path.insert(0, str(WORKSPACE))
    from tasks.erasure.sinks.catalogue import CATALOGUE

    rows = [
        f"| {place.name} | {place.sink or '—'} | {place.searched} | {place.cleaned} |\n"
        for place in CATALOGUE
    ]
    before, _, rest = page.partition(HEAD)
    _, _, after = rest.partition("\n\n")
    return f"{before}{HEAD}{''.join(rows)}\n{after}"


if __name__ == "__main__":
    sys.exit(main())
