"""Whether a model of these bytes may decide today, under this name: by the ledger alone."""

from pathlib import Path

from tasks.errors import EvidenceError, PortcullisError, Refusal, RefusalKind
from tasks.formats.digests import sha256_of
from tasks.notary.notary import open_ledger, trusted_root
from tasks.stages.register.currency import find_outdated_reasons
from tasks.stages.workspace import StageRun
from tasks.system.installation import Installation
from tasks.verifier.answer import find_lapsed_consents, judge
from tasks.verifier.lineage import Chain, examine, latest_decision
from tasks.verifier.log_reader import Selection, read_log

# What tells whom a model has learnt from.
LEARNT_FROM = ("redact/rows.parquet", "train/report.json")


def judge_serving(
    name: str, case: str, model_sha256: str, installation: Installation
) -> tuple[Refusal, ...]:
    """Return why a model may not serve; empty where it may.

    1. Every link of its chain holds, and the latest decision about it is PASSED: signed, by keys
       that were not revoked, and not against what is in force.
    2. It was let in under this name.
    3. What people have signed for it is in force today. (`verify` asks whether it was when the
       model was registered; whoever decides about people by it asks for today.)
    4. Of the people whom it has learnt from no more were erased since than the use case allows.
       What cannot be counted refuses.
    """
    if not case:
        return (_lacks("register: the registry names no use case of it"),)
    ledger = open_ledger(installation)
    try:
        if ledger.head() is None:
            return (Refusal(RefusalKind.LEDGER_EMPTY, "ledger: nothing was ever signed for here"),)
        log = read_log(ledger, trusted_root(installation), Selection.of_case_and_lineages(case))
    except EvidenceError as error:
        return (Refusal(RefusalKind.LEDGER_UNREADABLE, str(error)),)
    finally:
        ledger.close()

    chain = examine(log, case, model_sha256)
    against_it = tuple(
        Refusal(RefusalKind.REGISTRATION_UNCONFIRMED, reason.text)
        for reason in judge(log, chain).reasons
    )
    return (
        *against_it,
        *_name_refusals(chain, name),
        *map(_lacks, find_lapsed_consents(log, chain)),
        *_outdated(chain, installation),
    )


def _name_refusals(chain: Chain, name: str) -> tuple[Refusal, ...]:
    decision = latest_decision(chain, "register")
    if decision is None or decision.predicate.registry_name == name:
        return ()
    return (_lacks(f"register: entry {decision.index} lets it in under another name"),)


def _outdated(chain: Chain, installation: Installation) -> tuple[Refusal, ...]:
    """Return whether too many were erased since; by the files here, if they are the model's."""
    signed = chain.artefacts()
    data = installation.workspace / "data"
    for name in LEARNT_FROM:
        full_name = f"{chain.case}/{name}"
        if not _is_file_of(data / full_name, signed.get(full_name, "")):
            text = (
                f"erasure: data/{full_name} here is not what the model was trained with, so nobody "
                "can count who was erased since; check out the release that made it"
            )
            return (_lacks(text),)

    try:
        reasons = find_outdated_reasons(StageRun("register", chain.case, installation))
    except PortcullisError as error:
        reasons = (str(error),)
    return tuple(_lacks(f"erasure: {reason}") for reason in reasons)


def _is_file_of(path: Path, sha256: str) -> bool:
    return bool(sha256) and path.is_file() and sha256_of(path) == sha256


def _lacks(text: str) -> Refusal:
    return Refusal(RefusalKind.REGISTRATION_UNCONFIRMED, text)
