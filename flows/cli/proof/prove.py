"""`./portcullis prove <use case> --decision ROW --output FILE.zip`: prove an explanation.

The archive holds the explanation of a single decision, and of no other.
"""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, UseCase
from flows.steps.evidence import open_chain
from tasks.attestation.predicates.provenance import Provenance
from tasks.clearance.bundle_writer import choose, files_of, scan
from tasks.config.cases import load_case
from tasks.errors import DataError, EvidenceError
from tasks.formats.archives import archive
from tasks.formats.canonical_json import canonical
from tasks.formats.digests import sha256_of
from tasks.formats.new_file import require_new_file, write_new_file
from tasks.keystore.keys import Retention
from tasks.ledger.merkle import leaf_hash, root_hash_of
from tasks.model import DecisionModel
from tasks.stages.explain.committing import explain_again, sentences_of, told
from tasks.stages.workspace import StageRun
from tasks.verifier.bundle import DECISION
from tasks.verifier.decision_proof import DecisionProof
from tasks.verifier.explanation_commitments import (
    ROOT_NAME,
    TREE,
    Explanation,
    commitment,
    commitments_of,
    prove,
    run_id,
    salt_of,
    tree_head,
)
from tasks.verifier.lineage import Chain
from tasks.verifier.log_reader import Log
from tasks.verifier.text_report import lines_of_explanation, printable, require_language

EXAMPLES = """\
For a person who was declined:
  ./portcullis prove loan --decision 17 --output proof.zip
  ./portcullis verify proof.zip --root KEYID

Years later, decided again by the model at hand:
  ./portcullis prove loan --decision 17 --replay \\
    --output proof.zip
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    decision: Annotated[
        int, typer.Option(metavar="ROW", help="The row of the declined application.")
    ],
    output: Annotated[Path, typer.Option(metavar="FILE.zip", help="A new file for the archive.")],
    language: Annotated[
        str | None,
        typer.Option(
            metavar="TAG",
            help="In which the reasons are printed, for example `en` (default: each that the map "
            "has); the archive has all of them.",
            show_default=False,
        ),
    ] = None,
    is_replay: Annotated[
        bool,
        typer.Option(
            "--replay",
            help="Decide again by the model that lies here, and require the committed bytes.",
        ),
    ] = False,
    is_json: Json = False,
) -> int:
    """Write the archive.

    It holds the explanation, its salt, its path to the root of the tree of explanations, and the
    evidence of the run that made it.
    """
    installation = installation_of(context)
    case = use_case
    load_case(case, installation.workspace)
    require_new_file(output)
    stage_run = StageRun("explain", case, installation)

    with open_chain(case, None, installation) as (ledger, log, chain):
        proof = prove_decision(stage_run, decision, log, chain)
        explanation = proof.explanation
        if is_replay:
            require_same_decision(stage_run, explanation)
        if language is not None:
            require_language(language, explanation.languages)
        contents = choose(log, chain, also=(proof.entry,), may_be_complete=False)
        files = files_of(contents, ledger) | {DECISION: proof.to_bytes()}
        # Raises for personal data: what leaves the house is looked through once more.
        scan(contents, files)

    write_new_file(output, archive(files))
    command = f"./portcullis verify {output.name}"
    replayed = "decided again by this model: the bytes that the run committed to"
    lines = (
        *map(printable, lines_of_explanation(explanation, language)),
        *((replayed,) if is_replay else ()),
        f"wrote {output}: verify it with `{command}`, here or anywhere",
    )
    values = {
        "file": str(output),
        "decision": decision,
        "useCase": case,
        "languages": list(explanation.languages),
        "isReplayed": is_replay,
    }
    print_result(lines, values, is_json=is_json)
    return 0


def prove_decision(stage_run: StageRun, row: int, log: Log, chain: Chain) -> DecisionProof:
    """Return the explanation of a declined application with its proof of inclusion.

    Raises:
        DataError: The row is not that of a declined application of this run.
        EvidenceError: No signed statement is about the tree of explanations in `data/`.
    """
    # Sealed rows of those who were declined, and of nobody else; of who was erased since there is
    # none.
    reasons = stage_run.read_rows("explain", "reasons")
    matching = reasons[reasons["row"] == row]
    if len(matching) != 1:
        raise DataError(
            f"decision {row} of {stage_run.case}",
            expected="a declined application of this run",
            found="none",
            remedy="It was approved, or its subject was erased, or it is of another run.",
        )

    # The explanation in exactly the form that the run committed to.
    data = stage_run.data
    (record,) = matching.to_dict("records")
    # From the model, and not from `configs/`: the words that the run committed to are those that it
    # was registered with.
    reason_map = DecisionModel.load(data / "train" / "model").reasons
    model_sha256 = sha256_of(data / "train" / "model")
    reasons_told = told(record, sentences_of(reason_map))
    explanation = Explanation(row, reasons_told, model_sha256, reason_map.version)

    # The salt follows from the subject's key: nobody can guess at others' explanations without it,
    # and it is gone when the key is destroyed.
    subject = str(record["subject"])
    key = stage_run.keys.for_subjects([subject], Retention.DECISION_RECORD)[subject]
    run = run_id(model_sha256, sha256_of(data / "redact" / "rows.parquet"))
    salt = salt_of(key.nonce_key, run, row)

    # Looked for among the leaves that lie here, and the tree's head among what was signed for: a
    # leaf that somebody added has no signed tree above it.
    leaves = commitments_of((data / TREE).read_bytes())
    index, path = prove(leaves, commitment(salt, explanation))
    tree_root = root_hash_of([leaf_hash(leaf) for leaf in leaves])
    return DecisionProof(
        explanation=explanation,
        salt=salt,
        index=index,
        size=len(leaves),
        tree_root=tree_root,
        path=path,
        entry=_find_commitment(log, chain, tree_head(tree_root, len(leaves))),
    )


def require_same_decision(stage_run: StageRun, committed: Explanation) -> None:
    """Decide a person's application again, alone, and require exactly what was committed to.

    Rows of people who were erased since cannot be read, so rows have moved up: the person's own are
    found by whom they are about, and one of them has to give the committed bytes.

    Raises:
        DataError: No row of the person gives them.
    """
    model_path = stage_run.data / "train" / "model"
    model = DecisionModel.load(model_path)
    model_sha256 = sha256_of(model_path)
    reasons = stage_run.read_rows("explain", "reasons", columns=("subject", "row"))
    # `prove_decision` has found exactly one row of this number.
    (subject,) = reasons.loc[reasons["row"] == committed.row, "subject"]
    rows = stage_run.read_rows("redact", columns=("subject", *model.scorer.features))
    own = rows[rows["subject"] == subject]

    wanted = canonical(committed.to_dict())
    for position in range(len(own)):
        again = explain_again(
            own.iloc[[position]].reset_index(drop=True), committed.row, model, model_sha256
        )
        if again is not None and canonical(again.to_dict()) == wanted:
            return
    raise DataError(
        f"decision {committed.row} of {stage_run.case}",
        expected="the explanation that the run committed to, decided again by this model",
        found="another decision, or other reasons",
        remedy="The rows or the libraries differ from those of the run: `./portcullis verify`.",
    )


def _find_commitment(log: Log, chain: Chain, head: str) -> int:
    """Return the index of the entry in which the run committed to its explanations."""
    committed = log.statements(Provenance, f"{chain.case}/{ROOT_NAME}", head)
    if committed:
        return committed[-1].index
    raise EvidenceError(
        f"explanations of {chain.case}",
        expected=f"a signed statement about the tree {head[:12]}…",
        found="none",
        remedy="What lies in data/ was made elsewhere: run the release again.",
    )
