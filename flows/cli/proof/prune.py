"""`./portcullis prune`: remove envelopes that the retention policy lets go, or hold them."""

import time
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from flows.cli.base.usage import UsageError
from tasks.attestation.artefacts import artefact
from tasks.attestation.run_context import started_by
from tasks.audit_log.events import DELETE, UPDATE, auditing, event
from tasks.clearance import retention
from tasks.clearance.retention import PATH, is_spared, load_rules, plan, prune
from tasks.errors import ConfigError, EvidenceError
from tasks.notary.notary import open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import EVERYTHING, read_log
from tasks.verifier.statement_index import verified

EXAMPLES = """\
Look first, then remove:
  ./portcullis prune
  ./portcullis prune --yes

A legal hold on what is about one use case:
  ./portcullis prune --hold case-2027-4 --subjects loan/ \\
    --reason "court, case 4"
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    *,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Remove them; without this, only show what would be removed."),
    ] = False,
    hold: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Put records under legal hold, for example `case-2027-4`."
        ),
    ] = "",
    release: Annotated[str, typer.Option(metavar="NAME", help="Release a legal hold.")] = "",
    subjects: Annotated[
        str,
        typer.Option(metavar="PREFIX", help="What is held, like `loan/` (default: everything)."),
    ] = "",
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; needed for --hold and --release.")
    ] = "",
    is_json: Json = False,
) -> int:
    """Prune, or place or release a hold."""
    installation = installation_of(context)
    if hold or release:
        return _place_or_release_hold(
            hold, release, subjects, reason, installation, is_json=is_json
        )

    rules = load_rules(installation.workspace)
    with open_notary(installation) as notary:
        log = read_log(notary.ledger, trusted_root(installation), EVERYTHING)
        now = int(time.time())
        pruning = plan(log, rules, now)
        line = (
            f"{pruning.envelopes} envelopes below entry {pruning.below} may go; "
            f"it stops at {pruning.because}"
        )
        values = {
            "envelopes": pruning.envelopes,
            "below": pruning.below,
            "because": pruning.because,
            "removed": 0,
        }
        if not yes or not pruning.envelopes:
            print_result((line,), values, is_json=is_json)
            return 0
        if not is_json:
            print(line)

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
        indices = {entry.index for entry in removed}
        # Somebody may have placed a hold since the log was read. It is read again, and whoever
        # would append another entry waits until the envelopes are gone.
        again = read_log(notary.ledger, trusted_root(installation), EVERYTHING)
        with notary.ledger.store.appending():
            head = notary.ledger.head()
            is_last = head is not None and head.size == again.head.size
            if not is_last or plan(again, rules, now).below < pruning.below:
                raise EvidenceError(
                    "ledger",
                    expected="no hold, and no other entry, while envelopes are removed",
                    found="one of a moment ago",
                    remedy="Nothing was removed: run the same command again.",
                )
            # Whoever hands in one envelope twice has two entries, and one body: it stays for the
            # entry that is kept, which would be missing for ever without it.
            kept = {entry.envelope_sha256 for entry in again.entries if entry.index not in indices}
            removed = [entry for entry in removed if entry.envelope_sha256 not in kept]
            for entry in removed:
                notary.ledger.store.drop_body(bytes.fromhex(entry.envelope_sha256))

    line = f"{len(removed)} envelopes are gone; every proof of what remains holds"
    print_result((line,), {**values, "removed": len(removed)}, is_json=is_json)
    return 0


def _place_or_release_hold(
    held: str,
    released: str,
    subjects: str,
    reason: str,
    installation: Installation,
    *,
    is_json: bool,
) -> int:
    if not reason.strip():
        raise ConfigError(
            "--reason", expected="a reason", found="none", remedy="It is kept with the hold."
        )

    if held and released:
        raise UsageError(
            "--hold and --release",
            expected="one of them",
            found="both",
            remedy="Place and release each by itself. Nothing was recorded.",
        )

    name = held or released
    is_release = bool(released)
    audit_event = event(
        "ledger:release" if is_release else "ledger:hold",
        actor=started_by(installation.settings),
        activity=UPDATE,
        resources=[(name, "legal hold", {})],
    )

    with open_notary(installation) as notary, auditing(installation.home, [audit_event]) as batches:
        statement = retention.hold(name, subjects, reason, is_released=is_release)
        recorded = notary.record_all([statement, *batches])[0]
    line = f"hold `{name}` {'released' if is_release else 'in force'}: entry {recorded.index}"
    values = {"hold": name, "isReleased": is_release, "entry": recorded.index}
    print_result((line,), values, is_json=is_json)
    return 0
