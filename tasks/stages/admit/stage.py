"""The stage `admit`: runs at the start of every release, before anything is read."""

import logging

from tasks.agreements.judging import require_agreements
from tasks.config.sources import Sources, lapsed, today
from tasks.errors import AgreementError
from tasks.stages.admit.fingerprint import fingerprint
from tasks.stages.workspace import StageRun

logger = logging.getLogger("portcullis.admit")


def run(stage_run: StageRun) -> None:
    """Stop without agreements in force; else write what `ingest` depends on.

    That is the sources' fingerprints, and how many people were erased so far, with a digest that
    says nothing about whom. The day of the run is not written: `ingest` would run again every day.

    Raises:
        AgreementError: A source has no agreement in force, or one that lacks a clause.
        SourceError: A source is not there.
        ServiceError: The server that holds a source does not answer.
    """
    settings = stage_run.installation.settings
    sources = stage_run.params(Sources, "sources")
    if lines := lapsed(sources, today(settings)):
        raise AgreementError(
            f"{stage_run.case}, {lines[0]}",
            expected="an agreement in force for every source",
            found=f"{len(lines)} without",
            remedy="Renew it and set `agreement` and `expires`, "
            "or take the source out of the use case.",
        )
    require_agreements(stage_run.case, sources, stage_run.workspace, today(settings))

    admitted = {
        name: {
            "fingerprint": fingerprint(name, source, settings),
            "owner": source.owner,
            "role": source.role,
            "legal_basis": source.legal_basis,
            "agreement": source.agreement,
            "expires": source.expires.isoformat() if source.expires else None,
        }
        for name, source in sources.root.items()
    }
    stage_run.write_report(admitted, "sources.json")

    checkpoint = stage_run.erased.checkpoint
    stage_run.write_report(
        {"count": checkpoint.count, "sha256": checkpoint.sha256}, "erasures.json"
    )
    logger.info("%d sources admitted", len(admitted))
