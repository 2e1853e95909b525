"""`./portcullis in-force`: show, propose and sign what is in force.

It is an entry of the ledger and no file of the checkout: who works on a model cannot change it. A
person of role `compliance` signs it, or the root key; two people, where the entry in force asks.
"""

import argparse
import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from tasks.attestation.dsse import sign
from tasks.attestation.predicates.in_force import ANCHORS, MODES, MOST_PEOPLE, InForce, Terms
from tasks.attestation.roles import PERSONAL, ROOT
from tasks.attestation.run_context import timestamp
from tasks.attestation.signing_keys import LocalSigner, Signer
from tasks.clearance.proposing import (
    ProposedChanges,
    compare_terms,
    draft_terms,
    read_proposal,
    write_proposal,
)
from tasks.errors import ConfigError, EvidenceError
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

KEY = "PORTCULLIS_APPROVER_KEY"
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
NONE = "none"  # the value of an option that empties a list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    show = actions.add_parser("show", help="what is in force, since which entry, signed by whom")
    show.add_argument("--json", action="store_true", help="as JSON, for programs")

    propose = actions.add_parser(
        "propose", help="write a proposal: policy, gates and names of this checkout"
    )
    propose.add_argument("file", type=Path, help="where to write it; change it by hand at will")
    _add_changes(propose)

    signing = actions.add_parser("sign", help="sign a proposal with a key of your own")
    signing.add_argument(
        "what", metavar="FILE-or-sha256:…", help="a proposal, or one that is in the ledger already"
    )
    signing.add_argument("--reason", required=True, help="why; it is kept for ever, so name nobody")
    signing.add_argument("--key", type=Path, help=f"your key (default: ${KEY})")
    signing.add_argument(
        "--root", action="store_true", help="sign with the ledger's root key instead"
    )


def _add_changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--approvals", type=int, metavar="N", help="how many people have to approve"
    )
    parser.add_argument("--approval-role", choices=PERSONAL, help="the role that their keys need")
    parser.add_argument("--capacity", help="the function that they have to state; empty for any")
    parser.add_argument(
        "--anchor",
        action="append",
        choices=(*ANCHORS, NONE),
        help="an anchor that is required, as it is configured here; may be given several times",
    )
    parser.add_argument(
        "--ref", action="append", help="a ref that may be released, in full; or `none`"
    )
    parser.add_argument(
        "--signer",
        action="append",
        help="the fingerprint of a key whose commits may be released; or `none`",
    )
    parser.add_argument("--least-mode", choices=MODES, help="the least mode that clears anything")
    parser.add_argument(
        "--plan",
        action="append",
        metavar="USE-CASE[:SHA256]",
        help="the one plan of a use case, by default as it lies here; or `none`",
    )
    parser.add_argument(
        "--attempts",
        type=int,
        metavar="N",
        help="how many attempts a use case may make on one version of the data; 0 for any number",
    )
    parser.add_argument(
        "--people",
        type=int,
        choices=range(1, MOST_PEOPLE + 1),
        help="how many people have to sign what replaces it",
    )
    parser.add_argument(
        "--may-be-unmeasured",
        action="append",
        metavar="USE-CASE:ID",
        help="a check that may say that a use case has nothing to measure; or `none`",
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Run an action."""
    match options.action:
        case "show":
            _show(installation, is_json=options.json)
        case "propose":
            _propose(options, installation)
        case "sign":
            _sign(options, installation)
    return 0


def _show(installation: Installation, *, is_json: bool) -> None:
    with open_notary(installation) as notary:
        log = _read(notary, installation)
    history = read_history(log) if log else LawHistory(None, (), (), ())

    if is_json:
        print(json.dumps(history.to_dict(), indent=2, sort_keys=True))
        return
    for line in _lines_of(history):
        print(line)


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


def _propose(options: argparse.Namespace, installation: Installation) -> None:
    require_new_file(options.file)
    with open_notary(installation) as notary:
        log = _read(notary, installation)
    law = read_history(log).law if log else None

    changes = ProposedChanges(
        approvals=options.approvals,
        approval_role=options.approval_role,
        capacity=options.capacity,
        anchors=_listed(options.anchor),
        refs=_listed(options.ref),
        signers=_listed(options.signer),
        least_mode=options.least_mode,
        plans=_listed(options.plan),
        attempts=options.attempts,
        people=options.people,
        unmeasured=_listed(options.may_be_unmeasured),
    )
    terms = draft_terms(installation, law, changes)
    write_proposal(terms, options.file)

    _print_changes(law.terms if law else None, terms)
    print(f"wrote {options.file}: sha256:{terms.sha256}")
    print(f"read it, then `./portcullis in-force sign {options.file} --reason …`")


def _listed(values: list[str] | None) -> tuple[str, ...] | None:
    """Return the values of an option that may be repeated; `none` alone stands for no value."""
    if values is None:
        return None
    return tuple(dict.fromkeys(value for value in values if value != NONE))


def _sign(options: argparse.Namespace, installation: Installation) -> None:
    if not options.reason.strip():
        raise _refused("a reason", "none")

    with open_notary(installation) as notary:
        # 1. What is in force now, and what is to be. With the root key a log can begin with it.
        named = DIGEST.fullmatch(options.what)
        path = installation.settings.from_caller(options.what)
        written = None if named else read_proposal(path)
        if options.root:
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
        _print_changes(history.law.terms if history.law else None, terms)

        # 2. Signed, and checked by the rules of every later reader: an entry stays for ever.
        signer = notary.signer(ROOT) if options.root else _own_signer(options.key, installation)
        holder = log.keys.entries.get(signer.public.keyid)
        person = holder.holder if holder else ""
        statement = InForce(terms, person, options.reason, timestamp()).to_statement()
        envelope = sign(statement.to_bytes(), signer)
        entry = Entry(log.head.size, envelope, sha256(envelope.to_bytes()).hexdigest())
        _require_another_person(verified(entry, log.keys).key.public.keyid, terms, history, log)

        # 3. Recorded, and read again: somebody else may have signed something a moment before.
        recorded = notary.append_signed([envelope])[0]
        log = _read(notary, installation) or log
        _print_state(terms, recorded.index, read_history(log))


def _proposed(digest: str, history: LawHistory) -> Terms:
    """Return the terms of a proposal that is in the ledger and not in force."""
    for proposal in history.proposals:
        if proposal.terms.sha256 == digest:
            return proposal.terms
    raise _refused("a proposal that is in the ledger and not in force yet", "none of that digest")


def _require_present(terms: Terms, history: LawHistory) -> None:
    """Refuse terms that were drafted to replace something else than what is in force now."""
    present = history.law.sha256 if history.law else ""
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
    signers = [log.keys.entries[signed] for signed in keyids]
    if count_people([*signers, log.keys.entries[keyid]]) == count_people(signers):
        raise _refused("a second person", "one who has signed it already, by key, name or address")


def _own_signer(path: Path | None, installation: Installation) -> Signer:
    configured = installation.settings.approver_key_path
    path = path or (installation.settings.from_caller(configured) if configured else None)
    if path is None or not path.is_file():
        raise ConfigError(
            "your key",
            expected=f"--key FILE or ${KEY}, or --root for the root key",
            found="no such file",
            remedy="`./portcullis keys make FILE`, then have it enrolled: "
            "`keys enrol … --role compliance`.",
        )
    return LocalSigner.load(path)


def _print_changes(before: Terms | None, after: Terms) -> None:
    for line in compare_terms(before, after) or ("nothing changes",):
        print(line)


def _print_state(terms: Terms, index: int, history: LawHistory) -> None:
    """Print what came of a signature.

    Raises:
        EvidenceError: Another entry was signed a moment before, and this one counts for nothing.
    """
    law = history.law
    if law and law.sha256 == terms.sha256:
        print(
            f"recorded as entry {index}; it is in force: no. {law.number}, since entry {law.index}"
        )
        return
    for proposal in history.proposals:
        if proposal.terms.sha256 == terms.sha256:
            print(f"recorded as entry {index}; not in force yet: {_state_of(proposal)}")
            print(f"another person: `./portcullis in-force sign sha256:{terms.sha256} --reason …`")
            return
    raise _refused(
        "to replace what was in force", f"entry {index}, before which somebody replaced it"
    )


def _read(notary: Notary, installation: Installation) -> Log | None:
    """Return the log with what was ever in force; None where it has not begun."""
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
