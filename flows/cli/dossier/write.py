"""`./portcullis dossier <use case>`: pages, files for programs, and the bundle that proves them.

It is written for a blocked release, too: it is then the file of why.
"""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, Model, UseCase
from flows.steps.evidence import EmptyLedgerError
from tasks.dossier.answering import Readiness
from tasks.dossier.claims import Missing
from tasks.dossier.releasing import (
    DossierTarget,
    folder_of_dossier,
    make_release_dossier,
    target_of,
)
from tasks.dossier.writing import Dossier, write_dossier
from tasks.errors import RefusedError
from tasks.path import PATH
from tasks.plain_text import one_line
from tasks.verifier.bundle import require_model_sha256
from tasks.verifier.lineage import MODEL

EXAMPLES = """\
For whoever asks, with everything to check it offline:
  ./portcullis dossier loan
  ./portcullis dossier loan --profile us-credit \\
    --output file

In CI, once a dossier has come that far:
  ./portcullis dossier loan --require 0.8

Exit codes: 0 written; 3 written, and less is answered than
--require asks.
"""
# What fits on a terminal; the first page has all of them.
MOST_GAPS = 8
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What has to be answered: eu-credit, us-credit, hipaa or insurance "
            "(default: the use case's own).",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder to write (default: data/<use case>/dossier).",
            show_default=False,
        ),
    ] = None,
    model: Model = None,
    least: Annotated[
        float | None,
        typer.Option(
            "--require",
            metavar="SHARE",
            min=0,
            max=1,
            help="Exit with 3 where a smaller share of what is required is answered.",
            show_default=False,
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Write the dossier of a model, and say how much of it is answered.

    Raises:
        ConfigError: There is no such use case or profile, or the folder holds something else.
        EvidenceError: The ledger does not verify, or something looks like personal data.
    """
    installation = installation_of(context)
    workspace = installation.workspace
    # What `register` is asked about, by digest: of a blocked release, too, whose dossier is the
    # file of why.
    target = target_of(PATH[-1].name, use_case, workspace)
    if model is not None:
        target = DossierTarget(MODEL, require_model_sha256(model))
    dossier = make_release_dossier(use_case, target, installation, workspace, profile)
    # Nothing was ever signed for: a dossier without evidence would be a form, filled in by nobody.
    if dossier is None:
        raise EmptyLedgerError(
            "ledger",
            expected="entries",
            found="none",
            remedy=f"Run `./portcullis release {use_case}`.",
        )

    # By default where a release puts it, whose pages link there.
    folder = output or folder_of_dossier(use_case, workspace)
    write_dossier(dossier, folder)
    subject = dossier.subject
    # The first key of a log is its root's.
    root_keyid = next(iter(subject.evidence.log.keys.entries))
    print_result(
        lines_of_dossier(dossier, folder, root_keyid),
        _values(dossier, folder, root_keyid),
        is_json=is_json,
    )
    is_enough = least is None or subject.readiness.ratio >= least
    return 0 if is_enough else RefusedError.exit_code


def lines_of_dossier(dossier: Dossier, folder: Path, root_keyid: str) -> tuple[str, ...]:
    """Return what the terminal shows: readiness first, then what is due first."""
    subject = dossier.subject
    state = "registered" if subject.evidence.is_let_in else "not registered: the file of why"
    lines = [
        f"{subject.case}, {subject.profile}: {subject.readiness.text}; {state}",
    ]
    if subject.ahead:
        lines.append(f"  not yet in force: {Readiness.of(subject.ahead).text}")

    # By day first: what is due next is what somebody has to do next.
    owed = sorted(
        (row.answer.due, row.requirement.id, row.answer)
        for row in subject.required
        if isinstance(row.answer, Missing)
    )
    for due, requirement_id, answer in owed[:MOST_GAPS]:
        lines.append(one_line(f"  {answer.standing}  {requirement_id}  {answer.owner}  due {due}"))

    if len(owed) > MOST_GAPS:
        lines.append(f"  and {len(owed) - MOST_GAPS} more, on the first page")

    lines += [
        f"wrote {folder}/index.html: {len(dossier.pages)} pages, {dossier.size_bytes:,} bytes",
        f"dossier.json sha256:{dossier.sha256}: the same evidence gives the same",
        f"check it: python {folder}/check-dossier.pyz {folder} --root {root_keyid[:32]}",
    ]
    return tuple(lines)


def _values(dossier: Dossier, folder: Path, root_keyid: str) -> dict[str, object]:
    readiness = dossier.subject.readiness
    return {
        "useCase": dossier.subject.case,
        "profile": dossier.subject.profile,
        "answered": readiness.answered,
        "required": readiness.required,
        "readiness": readiness.ratio,
        "missing": [
            row.requirement.id
            for row in dossier.subject.required
            if isinstance(row.answer, Missing)
        ],
        "isRegistered": dossier.subject.evidence.is_let_in,
        "folder": str(folder),
        "bytes": dossier.size_bytes,
        "sha256": dossier.sha256,
        "rootKeyId": root_keyid,
    }
