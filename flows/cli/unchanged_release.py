"""The process in which `./portcullis release` looks whether there is anything to be done.

Started as `python -m flows.cli.unchanged_release <use case> <parent process id> [json]`, before
Prefect and its API are: those two are most of what such a release would cost. A process of its own
for the reasons that `flows/serving/attending.py` gives: stages run in it, and may have to be ended.
"""

import os
import sys
from pathlib import Path

from flows.cli.attended_release import keep_output_for_json, outcome_values, print_outcome
from flows.cli.base.answering import print_json
from flows.serving.environment import settle_imports, settle_streams
from tasks.config.case_name import check_case_name
from tasks.errors import PortcullisError
from tasks.formats.shown import withhold_texts
from tasks.path import PATH
from tasks.plain_text import one_line
from tasks.secrets.opening import open_with_secrets
from tasks.system.processes import die_with_parent

ALWAYS_RUN = " and ".join(f"`{stage.name}`" for stage in PATH if stage.is_always_run)
NEWS = f"nothing has changed since it was released: no stage but {ALWAYS_RUN} ran, nor did Prefect"
# Between the two processes alone: no exit code of a command, nor of a shell or a signal.
UNDECIDED = 10  # an exit code between the two processes: run the whole path


def main(case: str, parent: int, *, is_json: bool) -> int:
    """Return 0 where nothing has changed and the model is registered; else `UNDECIDED`."""
    die_with_parent(parent)
    settle_streams()
    settle_imports()
    if is_json:
        keep_output_for_json()

    # Late: by now this process ends with its parent.
    from flows.steps.unchanged import confirm_unchanged

    lines: list[str] = []
    try:
        installation = open_with_secrets(Path(), os.environ)
        check_case_name(case, "use case")
        outcome = confirm_unchanged(case, installation, lines.append)
        if not outcome:
            return UNDECIDED
        for line in (*lines, NEWS):
            print(one_line(line), file=sys.stderr)
        if is_json:
            print_json(outcome_values(case, outcome, installation, is_blocked=False))
        else:
            print_outcome(case, outcome, installation, is_blocked=False)
    # The whole path meets it again, and says it with what helps. Here it would be said twice.
    except PortcullisError:
        return UNDECIDED
    return 0


if __name__ == "__main__":
    withhold_texts(os.environ)
    sys.exit(main(sys.argv[1], int(sys.argv[2]), is_json=sys.argv[3:] == ["json"]))
