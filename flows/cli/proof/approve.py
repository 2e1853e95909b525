"""`./portcullis approve`: a second person signs, with a key of their own, for exactly one model.

A validator may in the same way accept checks that are undecided, by id, of exactly one verdict
(`--undecided`).
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from flows.steps.evidence import open_chain
from tasks.attestation.dsse import sign
from tasks.attestation.run_context import timestamp
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Statement
from tasks.config.cases import load_case
from tasks.errors import ConfigError, EvidenceError
from tasks.gates import Outcome
from tasks.notary.notary import open_notary
from tasks.system.installation import Installation
from tasks.verifier.approvals import acceptance, approval, check, require_made
from tasks.verifier.lineage import Chain
from tasks.verifier.log_reader import Log

KEY = "PORTCULLIS_APPROVER_KEY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("use_case", metavar="use-case")
    parser.add_argument(
        "--model", required=True, metavar="SHA256", help="exactly the model: sha256:…"
    )
    parser.add_argument("--reason", required=True, help="why; it is kept for ever, so name nobody")
    parser.add_argument(
        "--expires",
        required=True,
        metavar="DATE",
        help="the last day it is in force, like 2027-06-30",
    )
    parser.add_argument(
        "--capacity", default="", help="the function you act in, like `model validator`"
    )
    parser.add_argument(
        "--undecided", metavar="GATE", help="accept undecided checks of this gate instead"
    )
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="ID",
        help="a check to accept, by its id as `verify` shows it (default: every undecided one)",
    )
    parser.add_argument(
        "--key", type=Path, help=f"your key (default: ${KEY}); `keys make` makes one"
    )
    parser.add_argument(
        "--print", action="store_true", help="print it for Prefect's form instead of recording it"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Sign an approval or an acceptance, check it, and record it."""
    load_case(options.use_case, installation.workspace)
    named = installation.settings.approver_key_path
    path = options.key or (installation.settings.from_caller(named) if named else None)
    if path is None or not path.is_file():
        raise ConfigError(
            "your key",
            expected=f"--key FILE or ${KEY}",
            found="no such file",
            remedy="`./portcullis keys make FILE`, then have it enrolled: `keys enrol`.",
        )

    # Checked by the rules of every later reader before it is recorded: an entry stays for ever.
    signer = LocalSigner.load(path)
    with open_chain(options.use_case, options.model, installation) as (_, log, chain):
        # First, so that of a model that nobody made no gate is said to lack anything.
        require_made(chain)
        envelope = sign(_statement(options, log, chain, signer).to_bytes(), signer)
        check(envelope, log, chain)

    if options.print:
        print(envelope.to_bytes().decode())
        return 0
    with open_notary(installation) as notary:
        recorded = notary.append_signed([envelope])[0]
    print(f"recorded as entry {recorded.index} of {recorded.origin}; it stays visible for ever")
    return 0


def _statement(
    options: argparse.Namespace, log: Log, chain: Chain, signer: LocalSigner
) -> Statement:
    holder = log.keys.entries.get(signer.public.keyid)
    common = {
        "person": holder.holder if holder else "",
        "role": options.capacity,
        "reason": options.reason,
        "given": timestamp(),
        "expires": _end_of(options.expires),
    }
    if not options.undecided:
        return approval(options.use_case, chain.model_sha256, **common)

    verdict = chain.verdicts.get(options.undecided)
    checks = verdict.checks() if verdict else ()
    undecided = tuple(check.key for check in checks if check.outcome is Outcome.UNDECIDED)
    accepted = tuple(options.check) or undecided
    unknown = [key for key in accepted if key not in undecided]
    if verdict is None or not accepted or unknown:
        raise EvidenceError(
            f"gate `{options.undecided}`",
            expected=f"an undecided check `{unknown[0]}`" if unknown else "undecided checks",
            found=f"undecided: {'; '.join(undecided) or 'none'}",
            remedy="Give ids as they stand here. Only what is undecided can be accepted; "
            "a failed check never can.",
        )
    return acceptance(
        options.use_case,
        options.undecided,
        verdict_sha256=verdict.report_sha256,
        tests=accepted,
        **common,
    )


def _end_of(day: str) -> str:
    """Return the end of a day in UTC."""
    try:
        parsed = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ConfigError(
            "--expires",
            expected="a date like 2027-06-30",
            found=day,
            remedy="Name the last day on which it is in force.",
        ) from error
    return parsed.strftime("%Y-%m-%dT23:59:59Z")
