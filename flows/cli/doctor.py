"""`./portcullis doctor`: say what is missing, old or from elsewhere, and what to do about it."""

import argparse

from tasks.errors import RefusedError
from tasks.plain_text import one_line
from tasks.system.installation import Installation

EXAMPLES = """\
after a restore, and before you go on:
  ./portcullis doctor            only what is wrong, with what to do about it
  ./portcullis doctor --all

exit codes: 0 nothing refuses to go on; 3 something does
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--all",
        action="store_true",
        help="print what is well, too (default: only what is missing, old or from elsewhere)",
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Print a line for each finding; 3 where something would refuse to go on.

    It makes no file and no secret, and changes none.
    """
    # Late: it reads sealed files, and brings what that needs.
    from tasks.config.sources import today
    from tasks.doctor.examining import examine
    from tasks.doctor.findings import Grade

    findings = examine(installation, today(installation.settings))
    refusing = sum(finding.grade is Grade.REFUSES for finding in findings)
    for finding in findings:
        if options.all or finding.grade is not Grade.WELL:
            print(one_line(str(finding)))

    well = sum(finding.grade is Grade.WELL for finding in findings)
    print(f"{len(findings)} looked at: {well} well, {refusing} refuse")
    return RefusedError.exit_code if refusing else 0
