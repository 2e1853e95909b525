"""Whether a model of these bytes may decide today, under this name: by the ledger alone."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

from tasks.attestation.predicates.erasure import ErasureStatement
from tasks.attestation.roles import ERASURE
from tasks.config.sources import today
from tasks.erasure.policy import ErasureParams
from tasks.errors import EvidenceError, PortcullisError, Refusal, RefusalKind
from tasks.formats.regular_file import read_regular_file
from tasks.notary.notary import open_ledger, trusted_root
from tasks.path import SEALING
from tasks.pipeline.stores import find_in_cache
from tasks.stages.register.currency import ErasedSinceTraining, find_outdated_reasons
from tasks.stages.register.params import RegisterParams
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tasks.verifier.answer import find_lapsed_consents, judge
from tasks.verifier.lineage import Chain, examine, latest_decision, short
from tasks.verifier.log_reader import Log, Selection, read_log
from tasks.verifier.served.timeline import read_timeline

# What tells whom a model has learnt from.
ROWS = "redact/rows.parquet"
REPORT = "train/report.json"
ROWS_STAGE = SEALING.made_from.partition("/")[0]


@dataclass(frozen=True)
class ServingCheck:
    """One question about a model that is to decide, and what speaks against it."""

    id: str
    question: str
    refusals: tuple[Refusal, ...]


def judge_serving(
    name: str,
    case: str,
    model_sha256: str,
    installation: Installation,
    *,
    alias: str = "",
    report: Path | None = None,
    has_key_store: bool = True,
) -> tuple[Refusal, ...]:
    """Return why a model may not serve; empty where it may. As `check_serving`."""
    checks = check_serving(
        name,
        case,
        model_sha256,
        installation,
        alias=alias,
        report=report,
        has_key_store=has_key_store,
    )
    return tuple(refusal for check in checks for refusal in check.refusals)


def check_serving(
    name: str,
    case: str,
    model_sha256: str,
    installation: Installation,
    *,
    alias: str = "",
    report: Path | None = None,
    has_key_store: bool = True,
) -> tuple[ServingCheck, ...]:
    """Ask everything that decides whether a model may serve.

    1. Every link of its chain holds, and the latest decision about it is PASSED: signed, by keys
       that were not revoked, and not against what is in force.
    2. It was let in under this name.
    3. What people have signed for it is in force today. (`verify` asks whether it was when the
       model was registered; whoever decides about people by it asks for today.)
    4. Of the people whom it has learnt from no more were erased since than the use case allows.
       What cannot be counted refuses.
    5. Asked for by an alias: the log says that it is this model's. Of the alias that the newest
       registered version has, that it was let in is enough.

    Args:
        name: The registered model.
        case: Its use case, as the registry names it.
        model_sha256: Of the bytes that lie there.
        installation: Whose ledger, key store and data.
        alias: By which it was asked for; empty for a version's number.
        report: The report of its training as it was published, for a model whose files are not
            those in `data/`. It counts where it has the digest that was signed for.
        has_key_store: Whether this account has the key store of the rows. The service's worker has
            not: it counts every erasure that the log has since training, of whomever.
    """
    # Without a use case there is no chain to walk: nothing of it could be asked.
    if not case:
        return (_unanswered(_lacks("register: the registry names no use case of it")),)
    ledger = open_ledger(installation)
    try:
        if ledger.head() is None:
            text = "ledger: nothing was ever signed for here"
            return (_unanswered(Refusal(RefusalKind.LEDGER_EMPTY, text)),)
        # Erasures as well: an account without the key store counts them in the log.
        selection = Selection.of_case_and_lineages(case).and_type(ERASURE)
        log = read_log(ledger, trusted_root(installation), selection)
    # A refusal and no error: `verify_model` lists all questions, and this one was answered with no.
    except EvidenceError as error:
        return (_unanswered(Refusal(RefusalKind.LEDGER_UNREADABLE, str(error))),)
    finally:
        ledger.close()

    # By the digest of the bytes that were downloaded, and by nothing that the registry says of
    # them.
    chain = examine(log, case, model_sha256)
    against_it = tuple(
        Refusal(RefusalKind.REGISTRATION_UNCONFIRMED, reason.text)
        for reason in judge(log, chain).reasons
    )
    return (
        ServingCheck("serving.cleared", "every link holds, and it is cleared", against_it),
        ServingCheck("serving.name", "let in under this name", _name_refusals(chain, name)),
        ServingCheck(
            "serving.consents",
            "what people signed is in force",
            tuple(map(_lacks, find_lapsed_consents(log, chain))),
        ),
        ServingCheck(
            "serving.erasure",
            "no more were erased since than is allowed",
            _outdated(chain, installation, report)
            if has_key_store
            else _outdated_by_log(log, chain, installation),
        ),
        ServingCheck(
            "serving.alias",
            "the log gives it this alias" if alias else "asked for by its number",
            tuple(_alias_refusals(log, chain, name, alias, installation)),
        ),
    )


def _unanswered(refusal: Refusal) -> ServingCheck:
    return ServingCheck("serving.cleared", "every link holds, and it is cleared", (refusal,))


def _name_refusals(chain: Chain, name: str) -> tuple[Refusal, ...]:
    # Where there is no decision, the first question has refused already.
    decision = latest_decision(chain, "register")
    if decision is None or decision.predicate.registry_name == name:
        return ()
    return (_lacks(f"register: entry {decision.index} lets it in under another name"),)


def _outdated(
    chain: Chain, installation: Installation, published_report: Path | None
) -> tuple[Refusal, ...]:
    """Return whether too many were erased since, by the model's own files, wherever they lie."""
    try:
        report = _read_file(chain, REPORT, installation, published_report)
        stage_run = StageRun("register", chain.case, installation)
        with _open_file(chain, ROWS, installation) as rows:
            reasons = find_outdated_reasons(stage_run, rows, report)
    except PortcullisError as error:
        # Whoever cannot count must not pass: a missing file is a reason, as a number above the
        # limit is.
        reasons = (str(error),)

    return tuple(_lacks(f"erasure: {reason}") for reason in reasons)


def _outdated_by_log(log: Log, chain: Chain, installation: Installation) -> tuple[Refusal, ...]:
    """Return whether too many may have been erased since, where nobody here can tell who.

    Every erasure is one statement in the log, which names nobody: this counts all that stand after
    the rows that training read, so more than it learnt from, never fewer.
    """
    try:
        statements = erasures_since_rows(log, chain)
        if statements is None:
            return (_lacks("erasure: the log does not say when training began"),)
        limit = StageRun("register", chain.case, installation).params(ErasureParams, "erasure")
    except PortcullisError as error:
        return (_lacks(f"erasure: {error}"),)

    since = ErasedSinceTraining(
        # By request: a receipt and its completion are two statements about one person.
        len({statement.request for statement in statements}),
        min((date.fromisoformat(statement.day) for statement in statements), default=None),
    )
    if not since.reason_outdated(limit.retrain_after, today(installation.settings)):
        return ()

    return (
        _lacks(
            f"erasure: {since.people} people were erased since this model was trained, and this "
            "account cannot tell whom of them it learnt from; run the release again, which trains "
            "without them"
        ),
    )


def erasures_since_rows(log: Log, chain: Chain) -> tuple[ErasureStatement, ...] | None:
    """Return what is said of erasures after the rows that a model learnt from were made.

    None where the log does not say when that was, or that a model was trained.

    Raises:
        EvidenceError: The signature of one does not hold: it might have counted.
    """
    rows = next((step for step in chain.steps if step.stage == ROWS_STAGE), None)
    if chain.sealing is None or rows is None:
        return None

    # Not from the statement of training on: it is signed when training has ended, and who is erased
    # meanwhile has been learnt from. Rows that were made again since, to the same bytes, are signed
    # for later than training was.
    begun = min(rows.signed.index, chain.sealing.signed.index)
    signed_since = log.required_statements(ErasureStatement)
    return tuple(signed.predicate for signed in signed_since if signed.index > begun)


def _read_file(
    chain: Chain, name: str, installation: Installation, published: Path | None
) -> bytes:
    """Return a small file that a model was made with, by the digest that was signed for.

    Raises:
        EvidenceError: It lies nowhere here.
    """
    for path, sha256 in _places_of(chain, name, installation, published):
        # What cannot be read is not there; the next place may have it.
        with suppress(OSError):
            content = read_regular_file(path)
            if hashlib.sha256(content).hexdigest() == sha256:
                return content
    raise _lies_nowhere(chain, name)


@contextmanager
def _open_file(chain: Chain, name: str, installation: Installation) -> Iterator[IO[bytes]]:
    """Yield the same of a large one, open: by its path, another file could be read than digested.

    Raises:
        EvidenceError: It lies nowhere here.
    """
    for path, sha256 in _places_of(chain, name, installation, None):
        try:
            stream = path.open("rb")
        except OSError:
            continue
        with stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() == sha256:
                stream.seek(0)
                yield stream
                return
    raise _lies_nowhere(chain, name)


def _places_of(
    chain: Chain, name: str, installation: Installation, published: Path | None
) -> Iterator[tuple[Path, str]]:
    """Yield where a file may lie that a model was made with, and the digest that it has to have.

    In `data/` of this checkout, as it was published with the model, or in DVC's cache.
    """
    full_name = f"{chain.case}/{name}"
    artefact = next(
        (
            subject
            for step in chain.steps
            for subject in step.signed.subjects
            if subject.name == full_name
        ),
        None,
    )
    if artefact is None:
        return

    # In the order of what they cost; each counts by its digest, so it does not matter who put it
    # there.
    for place in (installation.workspace / "data" / full_name, published):
        if place is not None and place.is_file():
            yield place, artefact.sha256
    cached = find_in_cache(artefact.md5, installation.workspace)
    if cached is not None:
        yield cached, artefact.sha256


def _lies_nowhere(chain: Chain, name: str) -> EvidenceError:
    return EvidenceError(
        f"data/{chain.case}/{name}",
        expected="what the model was trained with, here or in DVC's cache",
        found="other bytes, or none, so that nobody can count who was erased since",
        remedy="Check out the release that made it, and `dvc pull`.",
    )


def _alias_refusals(
    log: Log, chain: Chain, name: str, alias: str, installation: Installation
) -> Iterator[Refusal]:
    """Yield whether an alias is this model's by the log. Who may edit the registry moves it."""
    if not alias:
        return

    try:
        of_newest = StageRun("register", chain.case, installation).params(RegisterParams).alias
    except PortcullisError as error:
        yield _lacks(f"alias: {error}")
        return

    if alias == of_newest:
        return

    # The registry's own word for it would be the alias itself, which is what is in question.
    present = read_timeline(log, chain.case).present(name, alias)
    if present is None:
        yield _lacks("alias: by the log, no model was ever promoted to it")
    elif present.model_sha256 != chain.model_sha256:
        yield _lacks(
            f"alias: by entry {present.decision} of the log it is that of version "
            f"{present.version}, {short(present.model_sha256)}"
        )


def _lacks(text: str) -> Refusal:
    return Refusal(RefusalKind.REGISTRATION_UNCONFIRMED, text)
