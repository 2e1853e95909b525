"""`./portcullis doctor`: say what is missing, old or from elsewhere, and what to do about it."""

from typing import Annotated

import typer

from flows.cli.base.answering import print_json
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from tasks.errors import RefusedError
from tasks.plain_text import one_line

EXAMPLES = """\
After a restore, and before you go on:
  ./portcullis doctor        # what is wrong
  ./portcullis doctor --all
  ./portcullis doctor --json | jq '.findings'

Exit codes: 0 nothing refuses to go on; 3 something does.
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    *,
    all_: Annotated[
        bool, typer.Option("--all", help="Print what is well, too (default: only what is not).")
    ] = False,
    is_json: Json = False,
) -> int:
    """Print a line for each finding; 3 where something would refuse to go on.

    It makes no file and no secret, and changes none.
    """
    installation = installation_of(context)
    # Late: it reads sealed files, and brings what that needs.
    from tasks.config.sources import today
    from tasks.doctor.examining import examine
    from tasks.doctor.findings import Grade

    # The day is asked once: an agreement that ends at midnight is not well in one line and over in
    # the next.
    findings = examine(installation, today(installation.settings))
    refusing = sum(finding.grade is Grade.REFUSES for finding in findings)
    well = sum(finding.grade is Grade.WELL for finding in findings)
    if is_json:
        print_json(
            {
                "findings": [
                    {
                        "grade": str(finding.grade),
                        "what": one_line(finding.what),
                        "text": one_line(finding.text),
                        "remedy": one_line(finding.remedy),
                    }
                    for finding in findings
                ],
                "well": well,
                "refusing": refusing,
            }
        )
        return RefusedError.exit_code if refusing else 0

    for finding in findings:
        if all_ or finding.grade is not Grade.WELL:
            print(one_line(str(finding)))

    print(f"{len(findings)} looked at: {well} well, {refusing} refuse")
    # What is old or odd and refuses nothing is no failure: a monitor that runs this would cry every
    # day.
    return RefusedError.exit_code if refusing else 0
