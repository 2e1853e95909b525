"""Check the dossier in a folder: `python check-dossier.pyz FOLDER --root KEYID`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tasks.dossier.offline.checking import check_dossier
from tasks.errors import PortcullisError
from tasks.plain_text import one_line, replace_unprintable
from tasks.verifier.bundle import require_root_keyid

HOLDS = 0
DOES_NOT_HOLD = 3


def main(arguments: Sequence[str]) -> int:
    """Check, print a line for each fault, and return an exit code: 0 where every claim holds."""
    parser = argparse.ArgumentParser(prog="check-dossier", description=__doc__)
    parser.add_argument("folder", type=Path)
    trusted = parser.add_mutually_exclusive_group(required=True)
    trusted.add_argument("--root", metavar="KEYID", help="the id of the ledger's root key")
    trusted.add_argument("--unpinned", action="store_true", help="trust the folder's own root key")
    replace_unprintable(sys.stdout, sys.stderr)
    options = parser.parse_args(arguments)

    try:
        root_keyid = None if options.unpinned else require_root_keyid(options.root)
        checked = check_dossier(options.folder, root_keyid)
    except PortcullisError as error:
        print(f"check-dossier: {error}", file=sys.stderr)
        return error.exit_code

    # In one line each: a folder that somebody else wrote does not forge lines of this program.
    for fault in checked.faults:
        print(one_line(f"DOES NOT HOLD: {fault}"))
    # By the bundle alone: pages can be worded, and signatures cannot.
    state = "is registered" if checked.is_let_in else "is not registered"
    print(one_line(f"{checked.case}: by the bundle, the model {state}"))
    holds = "hold" if not checked.faults else "were looked at"
    print(f"{checked.claims} claims by {checked.entries} entries {holds}")
    return DOES_NOT_HOLD if checked.faults else HOLDS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
