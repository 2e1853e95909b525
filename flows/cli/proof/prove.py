"""`./portcullis prove <use case> --decision ROW --output FILE.zip`: one decision's explanation, proven; no other's."""

import argparse
from pathlib import Path

from flows.steps.evidence import open_chain
from tasks.attestation.predicates.provenance import Provenance
from tasks.clearance.bundle_writer import choose, files_of, scan
from tasks.config.cases import load_case
from tasks.errors import DataError, EvidenceError
from tasks.keystore.keys import Retention
from tasks.ledger.merkle import leaf_hash, root_of
from tasks.stages.explain.committing import told
from tasks.stages.workspace import StageRun
from tasks.system.digests import sha256_of
from tasks.system.installation import Installation
from tasks.verifier.archives import archive
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


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Write the archive: the explanation, its salt, its way to the root, and the evidence of the run that made it."""
    case = options.use_case
    load_case(case, installation.workspace)
    stage_run = StageRun("explain", case, installation)
    with open_chain(case, None, installation) as (ledger, log, chain):
        decision, entry = _decision(stage_run, options.decision, log, chain)
        contents = choose(log, chain, also=(entry,), may_be_complete=False)
        files = files_of(contents, ledger) | {DECISION: decision}
        scan(contents, files)
    options.output.write_bytes(archive(files))
    print(
        f"wrote {options.output}: verify it with `./portcullis verify {options.output.name}`, here or anywhere"
    )
    return 0


def _decision(stage_run: StageRun, row: int, log: Log, chain: Chain) -> tuple[bytes, int]:
    """Return the explanation with its proof, and the entry that committed to it."""
    reasons = stage_run.read_rows("explain", "reasons")
    found = reasons[reasons["row"] == row]
    if len(found) != 1:
        raise DataError(
            f"decision {row} of {stage_run.case}", expected="a declined application of this run", found="none",
            remedy="It was approved, or its subject was erased, or it is of another run.",
        )  # fmt: skip
    data = stage_run.data
    said = stage_run.read_json("explain", "report.json")
    model = sha256_of(data / "train" / "model")
    run = run_id(model, sha256_of(data / "redact" / "rows.parquet"))
    record = found.iloc[0]
    subject = str(record["subject"])
    key = stage_run.keys.for_subjects([subject], Retention.DECISION_RECORD)[subject]
    salt = salt_of(key.nonce_key, run, row)
    what = Explanation(row, tuple(told(record)), model, str(said["reason_map_version"]))
    leaves = commitments_of((data / TREE).read_bytes())
    index, path = prove(leaves, commitment(salt, what))
    tree_root = root_of([leaf_hash(leaf) for leaf in leaves])
    proof = DecisionProof(
        explanation=what,
        salt=salt,
        index=index,
        size=len(leaves),
        tree_root=tree_root,
        path=path,
        entry=_committed(log, chain, tree_head(tree_root, len(leaves))),
    )
    return proof.to_bytes(), proof.entry


def _committed(log: Log, chain: Chain, head: str) -> int:
    """Return the entry in which the run committed to its explanations."""
    committed = log.statements(Provenance, f"{chain.case}/{ROOT_NAME}", head)
    if committed:
        return committed[-1].index
    raise EvidenceError(
        f"explanations of {chain.case}", expected=f"a signed statement about the tree {head[:12]}…", found="none",
        remedy="What lies in data/ was made elsewhere: run the release again.",
    )  # fmt: skip
