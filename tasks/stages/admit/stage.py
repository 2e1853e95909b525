"""The stage `admit`: every run, before anything is read."""

import logging

from tasks.config.sources import Sources, lapsed
from tasks.errors import AgreementError
from tasks.stages.admit.fingerprint import fingerprint
from tasks.stages.workspace import Work

logger = logging.getLogger("portcullis.admit")


def run(work: Work) -> None:
    """Stop without agreements in force; else write the sources' fingerprints, which `ingest` depends on.

    So it does on how many people were erased so far, with a digest that says nothing about whom. The day of the run is
    not written: `ingest` would run again every day.
    """
    sources = work.params(Sources, "sources")
    if lines := lapsed(sources):
        raise AgreementError(
            f"{work.case}, {lines[0]}",
            expected="an agreement in force for every source",
            found=f"{len(lines)} without",
            remedy="Renew it and set `agreement` and `expires`, or take the source out of the use case.",
        )
    admitted = {
        name: {
            "fingerprint": fingerprint(name, source),
            "owner": source.owner,
            "role": source.role,
            "legal_basis": source.legal_basis,
            "agreement": source.agreement,
            "expires": source.expires.isoformat() if source.expires else None,
        }
        for name, source in sources.root.items()
    }
    work.write_report(admitted, "sources.json")
    checkpoint = work.erased.checkpoint
    work.write_report({"count": checkpoint.count, "sha256": checkpoint.sha256}, "erasures.json")
    logger.info("%d sources admitted", len(admitted))
