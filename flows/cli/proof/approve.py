"""`./portcullis approve`: a second person signs, with a key of their own, for exactly one model.

A validator may in the same way accept checks that are undecided, by id, of exactly one verdict
(`--undecided`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, UseCase
from flows.cli.base.own_key import OwnKey, load_own_key
from flows.cli.base.usage import UsageError
from flows.steps.evidence import open_chain
from tasks.attestation.dsse import Envelope, sign
from tasks.attestation.run_context import timestamp
from tasks.attestation.signing_keys import LocalSigner
from tasks.attestation.statement import Statement
from tasks.config.cases import load_case
from tasks.errors import ConfigError, EvidenceError
from tasks.gates import Outcome
from tasks.notary.notary import open_notary
from tasks.promotion.approving import approval_of_promotion, check_promotion_approval
from tasks.system.installation import Installation
from tasks.verifier.approvals import acceptance, approval, check, require_made
from tasks.verifier.lineage import Chain
from tasks.verifier.log_reader import Log

EXAMPLES = """\
As a second person, with a key of your own:
  ./portcullis approve loan --model sha256:DIGEST \\
    --reason "validated" --expires 2027-06-30 \\
    --key ann.pem

A validator accepts what a gate could not decide:
  ./portcullis approve loan --model sha256:DIGEST \\
    --undecided fairness --reason "reviewed by hand" \\
    --expires 2027-06-30

That it serves, instead of the model that serves now:
  ./portcullis approve loan --model sha256:DIGEST \\
    --to champion --reason "better, and as fair" \\
    --expires 2027-06-30
"""
app = new_app()


@dataclass(frozen=True)
class ApprovalTerms:
    """What somebody signs: why, in which function, until when, and about which checks."""

    use_case: str
    reason: str
    expires: str
    capacity: str
    undecided: str
    checks: tuple[str, ...]


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    model: Annotated[
        str, typer.Option(metavar="SHA256", help="Exactly the model: sha256:…", show_default=False)
    ],
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; it is kept for ever, so name nobody.")
    ],
    expires: Annotated[
        str, typer.Option(metavar="DATE", help="The last day it is in force, like 2027-06-30.")
    ],
    capacity: Annotated[
        str,
        typer.Option(metavar="TEXT", help="The function you act in, like `model validator`."),
    ] = "",
    undecided: Annotated[
        str, typer.Option(metavar="GATE", help="Accept undecided checks of this gate instead.")
    ] = "",
    check_ids: Annotated[
        list[str] | None,
        typer.Option(
            "--check",
            metavar="ID",
            help="A check to accept, by its id as `verify` shows it (default: every undecided).",
            show_default=False,
        ),
    ] = None,
    alias: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="ALIAS",
            help="Approve that it serves under this alias, `champion`, instead of what serves now.",
        ),
    ] = "",
    key: OwnKey = None,
    is_printed: Annotated[
        bool,
        typer.Option("--print", help="Print it for Prefect's form instead of recording it."),
    ] = False,
    is_json: Json = False,
) -> int:
    """Sign an approval or an acceptance, check it, and record it."""
    installation = installation_of(context)
    load_case(use_case, installation.workspace)
    terms = ApprovalTerms(use_case, reason, expires, capacity, undecided, tuple(check_ids or ()))
    _require_gate_of_checks(terms)
    # Before the log is read, which takes a while: who has no key is told so at once.
    signer = load_own_key(key, installation)

    # Checked by the rules of every later reader before it is recorded: an entry stays for ever.
    with open_chain(use_case, model, installation) as (_, log, chain):
        # First, so that of a model that nobody made no gate is said to lack anything.
        require_made(chain)
        if alias:
            envelope = _approve_promotion(alias, terms, log, chain, signer, installation)
        else:
            envelope = sign(_statement(terms, log, chain, signer).to_bytes(), signer)
            check(envelope, log, chain)

    if is_printed:
        print(envelope.to_bytes().decode())
        return 0
    # Reading holds no lock: what somebody appended meanwhile stands before this, and every reader
    # judges it again as of its place.
    with open_notary(installation) as notary:
        recorded = notary.append_signed([envelope])[0]
    line = f"recorded as entry {recorded.index} of {recorded.origin}; it stays visible for ever"
    values = {"entry": recorded.index, "log": recorded.origin, "useCase": use_case, "model": model}
    print_result((line,), values, is_json=is_json)
    return 0


def _require_gate_of_checks(terms: ApprovalTerms) -> None:
    """Refuse checks without their gate: what would be signed instead is the whole model."""
    if terms.checks and not terms.undecided:
        raise UsageError(
            "--check",
            expected="--undecided with the gate that it is a check of",
            found="none",
            remedy="Name the gate, or leave --check out to approve the model. "
            "Nothing was recorded.",
        )


def _approve_promotion(
    alias: str,
    terms: ApprovalTerms,
    log: Log,
    chain: Chain,
    signer: LocalSigner,
    installation: Installation,
) -> Envelope:
    if terms.undecided:
        raise UsageError(
            "--to and --undecided",
            expected="one of them",
            found="both",
            remedy="Sign each by itself. Nothing was recorded.",
        )

    statement = approval_of_promotion(
        alias,
        log,
        chain,
        signer.public,
        installation,
        capacity=terms.capacity,
        reason=terms.reason,
        expires=_end_of(terms.expires),
    )
    envelope = sign(statement.to_bytes(), signer)
    check_promotion_approval(envelope, log, chain)
    return envelope


def _statement(terms: ApprovalTerms, log: Log, chain: Chain, signer: LocalSigner) -> Statement:
    # Of a key that nobody has enrolled no person is known; `check` refuses it in words that say so.
    holder = log.keys.entries.get(signer.public.keyid)
    common = {
        "person": holder.holder if holder else "",
        "role": terms.capacity,
        "reason": terms.reason,
        "given": timestamp(),
        "expires": _end_of(terms.expires),
    }
    if not terms.undecided:
        return approval(terms.use_case, chain.model_sha256, **common)

    verdict = chain.verdicts.get(terms.undecided)
    checks = verdict.checks() if verdict else ()
    # By id, and never by the text of a check, which may change any day (ADR 51).
    undecided = tuple(check.key for check in checks if check.outcome is Outcome.UNDECIDED)
    # Ids are written out also where all are meant: what becomes undecided later was accepted by
    # nobody.
    accepted = terms.checks or undecided
    unknown = [key for key in accepted if key not in undecided]
    if verdict is None or not accepted or unknown:
        raise EvidenceError(
            f"gate `{terms.undecided}`",
            expected=f"an undecided check `{unknown[0]}`" if unknown else "undecided checks",
            found=f"undecided: {'; '.join(undecided) or 'none'}",
            remedy="Give ids as they stand here. Only what is undecided can be accepted; "
            "a failed check never can.",
        )
    return acceptance(
        terms.use_case,
        terms.undecided,
        # Of this verdict alone: a gate that judges anew needs somebody who looks anew.
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

    # With its zone: a time without one is no time to a reader, and has expired (ADR 36).
    return parsed.strftime("%Y-%m-%dT23:59:59Z")
