"""`./portcullis prove <use case> --decision ROW --output FILE.zip`: prove an explanation.

The archive holds the explanation of a single decision, and of no other.
"""

import argparse
from pathlib import Path

from flows.steps.evidence import open_chain
from tasks.attestation.predicates.provenance import Provenance
from tasks.clearance.bundle_writer import choose, files_of, scan
from tasks.config.cases import load_case
from tasks.errors import DataError, EvidenceError
from tasks.formats.archives import archive
from tasks.formats.digests import sha256_of
from tasks.formats.new_file import require_new_file, write_new_file
from tasks.keystore.keys import Retention
from tasks.ledger.merkle import leaf_hash, root_hash_of
from tasks.model import DecisionModel
from tasks.stages.explain.committing import told
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("use_case", metavar="use-case")
    parser.add_argument(
        "--decision",
        type=int,
        required=True,
        metavar="ROW",
        help="the row of the declined application",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.zip")
    parser.add_argument(
        "--language",
        metavar="TAG",
        help="in which the reasons are printed, for example `en` (default: each that the map has); "
        "the archive has all of them",
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Write the archive.

    It holds the explanation, its salt, its path to the root of the tree of explanations, and the
    evidence of the run that made it.
    """
    case = options.use_case
    load_case(case, installation.workspace)
    require_new_file(options.output)
    stage_run = StageRun("explain", case, installation)

    with open_chain(case, None, installation) as (ledger, log, chain):
        proof = prove_decision(stage_run, options.decision, log, chain)
        explanation = proof.explanation
        if options.language:
            require_language(options.language, explanation.languages)
        contents = choose(log, chain, also=(proof.entry,), may_be_complete=False)
        files = files_of(contents, ledger) | {DECISION: proof.to_bytes()}
        # Raises for personal data: what leaves the house is looked through once more.
        scan(contents, files)

    write_new_file(options.output, archive(files))
    for line in lines_of_explanation(explanation, options.language):
        print(printable(line))
    command = f"./portcullis verify {options.output.name}"
    print(f"wrote {options.output}: verify it with `{command}`, here or anywhere")
    return 0


def prove_decision(stage_run: StageRun, row: int, log: Log, chain: Chain) -> DecisionProof:
    """Return the explanation of a declined application with its proof of inclusion.

    Raises:
        DataError: The row is not that of a declined application of this run.
        EvidenceError: No signed statement is about the tree of explanations in `data/`.
    """
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
    record = matching.iloc[0]
    reason_map = DecisionModel.load(data / "train" / "model").reasons
    model_sha256 = sha256_of(data / "train" / "model")
    explanation = Explanation(row, told(record, reason_map), model_sha256, reason_map.version)

    # The salt follows from the subject's key: nobody can guess at others' explanations without it,
    # and it is gone when the key is destroyed.
    subject = str(record["subject"])
    key = stage_run.keys.for_subjects([subject], Retention.DECISION_RECORD)[subject]
    run = run_id(model_sha256, sha256_of(data / "redact" / "rows.parquet"))
    salt = salt_of(key.nonce_key, run, row)

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
