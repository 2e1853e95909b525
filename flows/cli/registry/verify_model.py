"""`./portcullis verify-model`: ask all that loading a registered model asks, and load nothing."""

from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from tasks.plain_text import one_line
from tasks.serving import ServingCheck

REFUSED = 3  # exit code, as where a gate is shut

EXAMPLES = """\
By an alias or by a number:
  ./portcullis verify-model models:/loan@champion
  ./portcullis verify-model loan@candidate --json

Exit code 3 where it may not decide today.
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    uri: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="models:/NAME@ALIAS or models:/NAME/VERSION; `models:/` may be left out.",
            show_default=False,
        ),
    ],
    *,
    is_json: Json = False,
) -> int:
    """Download a version, digest it, and print what each check says."""
    from tasks.serving import verify_model

    # As MLflow writes it, and without: a name is what people have at hand.
    scheme = "models:/"
    full_uri = uri if uri.startswith(scheme) else f"{scheme}{uri}"
    # The checks of loading, asked without it: a monitor has no use for a model in its memory.
    model = verify_model(full_uri, installation_of(context))

    lines = [f"{model.name} version {model.version}: sha256:{model.model_sha256}"]
    for check in model.checks:
        lines += _lines_of(check)
    lines.append("it may not decide" if model.refusals else "it may decide today")
    values = {
        "name": model.name,
        "version": model.version,
        "useCase": model.case,
        "modelSha256": model.model_sha256,
        "checks": [
            {"id": check.id, "refusals": [refusal.to_dict() for refusal in check.refusals]}
            for check in model.checks
        ],
    }
    print_result(map(one_line, lines), values, is_json=is_json)
    return REFUSED if model.refusals else 0


def _lines_of(check: ServingCheck) -> list[str]:
    outcome = "fail" if check.refusals else "pass"
    texts = [f"{outcome}  {check.id}: {check.question}"]
    return [*texts, *(f"      {refusal.text}" for refusal in check.refusals)]
