"""A client that asks the worker for a release without Prefect: anybody could write one.

python -I asking.py <checkout with the client's code> <socket> <commit> <use case> [stage …]
"""

import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Ask for every stage, or for those that are named, and for the last look."""
    checkout, socket, commit, case, *named = sys.argv[1:]
    sys.path.insert(0, checkout)

    from tasks.errors import PortcullisError, RefusedError
    from tasks.path import PATH
    from tasks.service.client import open_worker

    stages = named or [stage.name for stage in PATH]
    with tempfile.TemporaryDirectory() as shown:
        try:
            with open_worker(Path(socket), case, commit, Path(shown), print) as client:
                for stage in stages:
                    result = client.reproduce(stage, print)
                    print(stage, "ran" if result.changed else "did not change")
                if not named:
                    print("REGISTERED", client.ask(print, do="confirm"))
        except RefusedError as refusal:
            print("BLOCKED")
            for line in refusal.lines:
                print(" ", line)
            return refusal.exit_code
        except PortcullisError as error:
            print(f"failed: {error}")
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
