"""`./portcullis prune`: remove envelopes that the retention policy lets go, or hold them."""

import argparse
import time

from tasks.attestation.artefacts import artefact
from tasks.attestation.run_context import started_by
from tasks.audit_log.events import DELETE, UPDATE, auditing, event
from tasks.clearance.retention import PATH, hold, is_spared, load_rules, plan, prune
from tasks.errors import ConfigError
from tasks.notary.notary import open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import EVERYTHING, read_log
from tasks.verifier.statement_index import verified


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--yes",
        action="store_true",
        help="remove them; without this, only show what would be removed",
    )
    parser.add_argument(
        "--hold", metavar="NAME", help="put records under legal hold, for example `case-2027-4`"
    )
    parser.add_argument("--release", metavar="NAME", help="release a legal hold")
    parser.add_argument(
        "--subjects",
        default="",
        metavar="PREFIX",
        help="what is held, like `loan/` (default: everything)",
    )
    parser.add_argument("--reason", default="", help="why; needed for --hold and --release")


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Prune, or place or release a hold."""
    if options.hold or options.release:
        return _place_or_release_hold(options, installation)

    rules = load_rules(installation.workspace)
    with open_notary(installation) as notary:
        log = read_log(notary.ledger, trusted_root(installation), EVERYTHING)
        pruning = plan(log, rules, int(time.time()))
        print(
            f"{pruning.envelopes} envelopes below entry {pruning.below} may go; "
            f"it stops at {pruning.because}"
        )
        if not options.yes or not pruning.envelopes:
            return 0

        # The permission is recorded first: an envelope that is missing without one is a fault.
        policy = artefact(installation.workspace, PATH.as_posix())
        audit_event = event(
            "ledger:prune",
            actor=started_by(installation.settings),
            activity=DELETE,
            resources=[("ledger", "envelopes", {"below": pruning.below})],
        )
        with auditing(installation.home, [audit_event]) as batches:
            notary.record_all([prune(pruning.below, pruning.envelopes, policy), *batches])

        removed = [
            entry
            for entry in log.entries
            if entry.index < pruning.below and not is_spared(verified(entry, log.keys))
        ]
        with notary.ledger.store.appending():
            for entry in removed:
                notary.ledger.store.drop_body(bytes.fromhex(entry.envelope_sha256))

    print(f"{len(removed)} envelopes are gone; every proof of what remains holds")
    return 0


def _place_or_release_hold(options: argparse.Namespace, installation: Installation) -> int:
    if not options.reason.strip():
        raise ConfigError(
            "--reason", expected="a reason", found="none", remedy="It is kept with the hold."
        )

    name = options.hold or options.release
    is_release = bool(options.release)
    audit_event = event(
        "ledger:release" if is_release else "ledger:hold",
        actor=started_by(installation.settings),
        activity=UPDATE,
        resources=[(name, "legal hold", {})],
    )

    with open_notary(installation) as notary, auditing(installation.home, [audit_event]) as batches:
        statement = hold(name, options.subjects, options.reason, is_released=is_release)
        recorded = notary.record_all([statement, *batches])[0]
    print(f"hold `{name}` {'released' if is_release else 'in force'}: entry {recorded.index}")
    return 0
