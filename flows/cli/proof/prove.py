"""`./portcullis prove <use case> --decision ROW --output FILE.zip`: one decision's explanation, proven; no other's."""

import argparse
from pathlib import Path

from flows.evidence import opened
from tasks.attestation.roles import PROVENANCE
from tasks.attestation.statement import canonical
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
from tasks.verifier.explanation_commitments import (
    ROOT_NAME,
    TREE,
    commitment,
    commitments_of,
    explanation,
    prove,
    run_id,
    salt_of,
    tree_head,
)
from tasks.verifier.lineage import Chain
from tasks.verifier.log_reader import Log, verified


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
    with opened(case, None, installation) as (ledger, log, chain):
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
    what = explanation(row, told(record), model, str(said["reason_map_version"]))
    leaves = commitments_of((data / TREE).read_bytes())
    index, path = prove(leaves, commitment(salt, what))
    tree_root = root_of([leaf_hash(leaf) for leaf in leaves])
    entry = _committed(log, chain, tree_head(tree_root, len(leaves)))
    values = {
        "explanation": what, "salt": salt.hex(), "index": index, "size": len(leaves), "root": tree_root.hex(),
        "path": [step.hex() for step in path], "entry": entry,
    }  # fmt: skip
    return canonical(values) + b"\n", entry


def _committed(log: Log, chain: Chain, head: str) -> int:
    """Return the entry in which the run committed to its explanations."""
    for entry in reversed(log.entries):
        if head.encode() in entry.envelope.payload:
            statement = verified(entry, log.keys).statement
            if (
                statement.predicate_type == PROVENANCE
                and statement.digest_of(f"{chain.case}/{ROOT_NAME}") == head
            ):
                return entry.index
    raise EvidenceError(
        f"explanations of {chain.case}", expected=f"a signed statement about the tree {head[:12]}…", found="none",
        remedy="What lies in data/ was made elsewhere: run the release again.",
    )  # fmt: skip
