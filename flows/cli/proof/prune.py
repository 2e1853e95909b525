"""`./portcullis prune`: take away envelopes that the retention policy lets go; `--hold`, `--release`."""

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
        "--yes", action="store_true", help="do it; without, only say what would be done"
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
    """Prune, or hold."""
    if options.hold or options.release:
        return _hold(options, installation)
    rules = load_rules(installation.workspace)
    with open_notary(installation) as notary:
        log = read_log(notary.ledger, trusted_root(installation), EVERYTHING)
        found = plan(log, rules, int(time.time()))
        print(
            f"{found.envelopes} envelopes below entry {found.below} may go; it stops at {found.because}"
        )
        if not options.yes or not found.envelopes:
            return 0
        policy = artefact(installation.workspace, PATH.as_posix())
        said = event(
            "ledger:prune",
            actor=started_by(installation.settings),
            activity=DELETE,
            resources=[("ledger", "envelopes", {"below": found.below})],
        )
        with auditing(installation.home, [said]) as batches:
            notary.record_all([prune(found.below, found.envelopes, policy), *batches])
        gone = [
            entry
            for entry in log.entries
            if entry.index < found.below and not is_spared(verified(entry, log.keys))
        ]
        with notary.ledger.store.appending():
            for entry in gone:
                notary.ledger.store.drop_body(bytes.fromhex(entry.envelope_sha256))
    print(f"{len(gone)} envelopes are gone; every proof of what remains holds")
    return 0


def _hold(options: argparse.Namespace, installation: Installation) -> int:
    if not options.reason.strip():
        raise ConfigError(
            "--reason", expected="a reason", found="none", remedy="It is kept with the hold."
        )
    name, releases = options.hold or options.release, bool(options.release)
    said = event(
        "ledger:release" if releases else "ledger:hold",
        actor=started_by(installation.settings),
        activity=UPDATE,
        resources=[(name, "legal hold", {})],
    )
    with open_notary(installation) as notary, auditing(installation.home, [said]) as batches:
        statement = hold(name, options.subjects, options.reason, is_released=releases)
        recorded = notary.record_all([statement, *batches])[0]
    print(f"hold `{name}` {'released' if releases else 'in force'}: entry {recorded.index}")
    return 0
