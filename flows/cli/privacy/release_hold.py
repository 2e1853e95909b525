"""`./portcullis release-hold`: end a hold; an erasure that waited for it goes on by itself."""

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, Subject, UseCase
from flows.cli.privacy.erase import read_identifiers
from flows.cli.privacy.request_values import request_values

EXAMPLES = """\
When the court has decided:
  ./portcullis release-hold loan --subject -
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context, use_case: UseCase, *, subject: Subject, is_json: Json = False
) -> int:
    """Release every hold on a person."""
    installation = installation_of(context)
    from tasks.config.cases import load_case
    from tasks.config.sources import today
    from tasks.erasure.erasing import release_hold

    load_case(use_case, installation.workspace)
    (identifier,) = read_identifiers(subject, None)
    # By the person, and not by a hold's id: whoever has several holds would go on being held by one
    # of them.
    count, completed = release_hold(
        use_case, identifier, installation=installation, day=today(installation.settings)
    )
    lines = (
        f"{count} holds released",
        *(
            f"{request.request_id}: {request.state}; what was kept is destroyed"
            for request in completed
        ),
    )
    values = {"released": count, "requests": [request_values(request) for request in completed]}
    print_result(lines, values, is_json=is_json)
    return 0
