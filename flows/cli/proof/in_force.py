"""`./portcullis in-force`: show, propose and sign what is in force.

It is an entry of the ledger and no file of the checkout: who works on a model cannot change it. A
person of role `compliance` signs it, or the root key; two people, where the entry in force asks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_json
from flows.cli.base.declaring import as_epilog, declare, installation_of, new_app
from flows.cli.base.options import Json, one_of
from flows.cli.base.own_key import OwnKey, load_own_key
from tasks.attestation.dsse import sign
from tasks.attestation.predicates.in_force import ANCHORS, MODES, MOST_PEOPLE, InForce, Terms
from tasks.attestation.roles import PERSONAL, ROOT
from tasks.attestation.run_context import timestamp
from tasks.attestation.signing_keys import Signer
from tasks.clearance.proposing import (
    ProposedChanges,
    compare_terms,
    draft_terms,
    read_proposal,
    write_proposal,
)
from tasks.errors import EvidenceError
from tasks.formats.new_file import require_new_file
from tasks.notary.notary import Notary, open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.in_force.law import (
    LawHistory,
    Proposal,
    Signature,
    count_people,
    read_history,
)
from tasks.verifier.in_force.shown import lines_of_terms
from tasks.verifier.lineage import short
from tasks.verifier.log_reader import SAYING_IN_FORCE, Log, read_log
from tasks.verifier.statement_index import Entry, verified

# As a proposal is printed; anything else names a file.
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
NONE = "none"  # the value of an option that empties a list


EXAMPLES = """\
What is in force, and how it is replaced:
  ./portcullis in-force show
  ./portcullis in-force propose law.json --approvals 1 \\
    --approval-role approval
  ./portcullis in-force sign law.json \\
    --reason "four eyes" --key carl.pem

`./portcullis in-force ACTION --help` explains an action.
"""
app = new_app()
app.info.epilog = as_epilog(EXAMPLES)


@declare(app, "show", purpose="What is in force, since which entry, signed by whom.")
def show(context: typer.Context, *, is_json: Json = False) -> int:
    """Print what is in force, and what is proposed."""
    installation = installation_of(context)
    with open_notary(installation) as notary:
        log = _read(notary, installation)
    history = read_history(log) if log else LawHistory(None, (), (), ())

    if is_json:
        print_json(history.to_dict())
        return 0
    for line in _lines_of(history):
        print(line)
    return 0


@declare(app, "propose", purpose="Write a proposal: policy, gates and names of this checkout.")
def propose(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Where to write it; change it by hand at will."),
    ],
    *,
    approvals: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many people have to approve.", show_default=False),
    ] = None,
    approval_role: Annotated[
        str | None,
        typer.Option(
            metavar="ROLE",
            help=f"The role that their keys need: {', '.join(PERSONAL)}.",
            **one_of(PERSONAL),
        ),
    ] = None,
    capacity: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="The function that they have to state; empty for any.",
            show_default=False,
        ),
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="An anchor that is required, as it is configured here: "
            f"{', '.join(ANCHORS)}, or none; may be given several times.",
            **one_of((*ANCHORS, NONE)),
        ),
    ] = None,
    ref: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REF",
            help="A ref that may be released, in full; or `none`.",
            show_default=False,
        ),
    ] = None,
    signer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FINGERPRINT",
            help="The fingerprint of a key whose commits may be released; or `none`.",
            show_default=False,
        ),
    ] = None,
    least_mode: Annotated[
        str | None,
        typer.Option(
            metavar="MODE",
            help=f"The least mode that clears anything: {', '.join(MODES)}.",
            **one_of(MODES),
        ),
    ] = None,
    plan: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USE-CASE[:SHA256]",
            help="The one plan of a use case, by default as it lies here; or `none`.",
            show_default=False,
        ),
    ] = None,
    attempts: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="How many attempts a use case may make on one version of the data; 0 for any "
            "number.",
            show_default=False,
        ),
    ] = None,
    people: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=MOST_PEOPLE,
            help="How many people have to sign what replaces it.",
            show_default=False,
        ),
    ] = None,
    may_be_unmeasured: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USE-CASE:ID",
            help="A check that may say that a use case has nothing to measure; or `none`.",
            show_default=False,
        ),
    ] = None,
    agreements: Annotated[
        bool | None,
        typer.Option(
            "--agreements/--any-agreements",
            help="Whether data may be used by the register of agreements as it lies here alone.",
            show_default=False,
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Write a proposal, which changes nothing until it is signed."""
    changes = ProposedChanges(
        approvals=approvals,
        approval_role=approval_role,
        capacity=capacity,
        anchors=_listed(anchor),
        refs=_listed(ref),
        signers=_listed(signer),
        least_mode=least_mode,
        plans=_listed(plan),
        attempts=attempts,
        people=people,
        unmeasured=_listed(may_be_unmeasured),
        are_agreements_fixed=agreements,
    )
    _propose(file, changes, installation_of(context), is_json=is_json)
    return 0


@declare(app, "sign", purpose="Sign a proposal with a key of your own.")
def sign_proposal(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE-or-sha256:…", help="A proposal, or one that is in the ledger already."
        ),
    ],
    *,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; it is kept for ever, so name nobody.")
    ],
    key: OwnKey = None,
    is_root: Annotated[
        bool, typer.Option("--root", help="Sign with the ledger's root key instead.")
    ] = False,
    is_json: Json = False,
) -> int:
    """Sign a proposal and record the signature."""
    asked = AskedSignature(what, reason, key, is_root, is_json)
    _sign(asked, installation_of(context))
    return 0


@dataclass(frozen=True)
class AskedSignature:
    """What is to be signed, why, and with which key."""

    what: str
    reason: str
    key_path: Path | None
    is_root: bool
    is_json: bool


def _lines_of(history: LawHistory) -> Iterator[str]:
    law = history.law
    if law is None:
        yield "in force: no entry of the ledger says what is"
    else:
        yield f"in force: no. {law.number}, since entry {law.index}, sha256:{law.sha256}"
        yield from map(_signature_line, law.signatures)
        yield from (f"  {line}" for line in lines_of_terms(law.terms))

    for proposal in history.proposals:
        yield f"proposed, not in force: sha256:{proposal.terms.sha256}, {_state_of(proposal)}"
        yield from map(_signature_line, proposal.signatures)
        changes = compare_terms(law.terms if law else None, proposal.terms)
        yield from (f"  {line}" for line in changes)

    for index, reason in history.ignored:
        yield f"entry {index} counts for nothing: {reason}"
    for void in history.void:
        yield f"entry {void.index} counts for nothing: {void.reason}"


def _signature_line(signature: Signature) -> str:
    place = f"entry {signature.index}, {signature.signed_on}"
    return f"  signed by {signature.person}: {signature.reason}  {place}"


def _state_of(proposal: Proposal) -> str:
    return f"signed by {len(proposal.signatures)} of {proposal.needed_people}"


def _propose(
    path: Path, changes: ProposedChanges, installation: Installation, *, is_json: bool
) -> None:
    require_new_file(path)
    with open_notary(installation) as notary:
        log = _read(notary, installation)
    law = read_history(log).law if log else None

    terms = draft_terms(installation, law, changes)
    write_proposal(terms, path)

    present = law.terms if law else None
    if is_json:
        changed = list(compare_terms(present, terms))
        print_json({"file": str(path), "sha256": terms.sha256, "changes": changed})
        return
    _print_changes(present, terms)
    print(f"wrote {path}: sha256:{terms.sha256}")
    print(f"read it, then `./portcullis in-force sign {path} --reason …`")


def _listed(values: list[str] | None) -> tuple[str, ...] | None:
    """Return the values of an option that may be repeated; `none` alone stands for no value."""
    if values is None:
        return None
    return tuple(dict.fromkeys(value for value in values if value != NONE))


def _sign(asked: AskedSignature, installation: Installation) -> None:
    if not asked.reason.strip():
        raise _refused("a reason", "none")

    with open_notary(installation) as notary:
        # 1. What is in force now, and what is to be. With the root key a log can begin with it.
        named = DIGEST.fullmatch(asked.what)
        path = installation.settings.from_caller(asked.what)
        written = None if named else read_proposal(path)
        if asked.is_root:
            notary.begin()
        log = _read(notary, installation)
        if log is None:
            raise EvidenceError(
                "ledger",
                expected="entries, so that it is known whose key yours is",
                found="none",
                remedy="Run a release first, or sign with --root.",
            )
        history = read_history(log)
        terms = written or _proposed(named[1] if named else "", history)
        _require_present(terms, history)
        if not asked.is_json:
            _print_changes(history.law.terms if history.law else None, terms)

        # 2. Signed, and checked by the rules of every later reader: an entry stays for ever.
        signer = notary.signer(ROOT) if asked.is_root else _own_signer(asked.key_path, installation)
        holder = log.keys.entries.get(signer.public.keyid)
        person = holder.holder if holder else ""
        statement = InForce(terms, person, asked.reason, timestamp()).to_statement()
        envelope = sign(statement.to_bytes(), signer)
        # As the entry that it would be, so that the key's validity at that place counts as well.
        entry = Entry(log.head.size, envelope, sha256(envelope.to_bytes()).hexdigest())
        _require_another_person(verified(entry, log.keys).key.public.keyid, terms, history, log)

        # 3. Recorded, and read again: somebody else may have signed something a moment before.
        recorded = notary.append_signed([envelope])[0]
        log = _read(notary, installation) or log
        _print_state(terms, recorded.index, read_history(log), is_json=asked.is_json)


def _proposed(digest: str, history: LawHistory) -> Terms:
    """Return the terms of a proposal that is in the ledger and not in force."""
    for proposal in history.proposals:
        if proposal.terms.sha256 == digest:
            return proposal.terms
    raise _refused("a proposal that is in the ledger and not in force yet", "none of that digest")


def _require_present(terms: Terms, history: LawHistory) -> None:
    """Refuse terms that were drafted to replace something else than what is in force now."""
    present = history.law.sha256 if history.law else ""
    # By digest: what was drafted against something else than what is in force now would undo what
    # came between, and an old proposal could be signed again (ADR 53).
    if terms.replaces != present:
        raise _refused(
            f"a proposal that replaces {short(present)}",
            f"one that replaces {short(terms.replaces)}",
        )


def _require_another_person(keyid: str, terms: Terms, history: LawHistory, log: Log) -> None:
    """Refuse a second signature of somebody who has signed these terms already."""
    keyids = [
        signature.keyid
        for proposal in history.proposals
        if proposal.terms.sha256 == terms.sha256
        for signature in proposal.signatures
    ]
    # Two keys of one person are one person, by id, name or address (ADR 51).
    signers = [log.keys.entries[signed] for signed in keyids]
    if count_people([*signers, log.keys.entries[keyid]]) == count_people(signers):
        raise _refused("a second person", "one who has signed it already, by key, name or address")


def _own_signer(path: Path | None, installation: Installation) -> Signer:
    return load_own_key(
        path,
        installation,
        alternative=", or --root for the root key",
        enrolment=" … --role compliance",
    )


def _print_changes(before: Terms | None, after: Terms) -> None:
    for line in compare_terms(before, after) or ("nothing changes",):
        print(line)


def _print_state(terms: Terms, index: int, history: LawHistory, *, is_json: bool) -> None:
    """Print what came of a signature.

    Raises:
        EvidenceError: Another entry was signed a moment before, and this one counts for nothing.
    """
    # Asked of what was read again: with two people needed, this may have been the first of two, or
    # somebody else's entry came a moment before.
    law = history.law
    if law and law.sha256 == terms.sha256:
        if is_json:
            print_json(
                {"entry": index, "sha256": terms.sha256, "isInForce": True, "number": law.number}
            )
            return
        print(
            f"recorded as entry {index}; it is in force: no. {law.number}, since entry {law.index}"
        )
        return

    for proposal in history.proposals:
        if proposal.terms.sha256 == terms.sha256:
            if is_json:
                print_json(
                    {
                        "entry": index,
                        "sha256": terms.sha256,
                        "isInForce": False,
                        "signatures": len(proposal.signatures),
                        "neededPeople": proposal.needed_people,
                    }
                )
                return
            print(f"recorded as entry {index}; not in force yet: {_state_of(proposal)}")
            print(f"another person: `./portcullis in-force sign sha256:{terms.sha256} --reason …`")
            return

    raise _refused(
        "to replace what was in force", f"entry {index}, before which somebody replaced it"
    )


def _read(notary: Notary, installation: Installation) -> Log | None:
    """Return the log with what was ever in force; None where it has not begun."""
    # A log that has not begun has no key yet by which it could be read.
    if notary.ledger.head() is None:
        return None
    return read_log(notary.ledger, trusted_root(installation), SAYING_IN_FORCE)


def _refused(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        "in force",
        expected=expected,
        found=found,
        remedy="`./portcullis in-force show`, then propose anew.",
    )
