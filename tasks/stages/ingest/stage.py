"""The stage `ingest`."""

import logging

from tasks.config.sources import Sources, lapsed, today
from tasks.errors import AgreementError
from tasks.keystore.burying import readmit
from tasks.stages.ingest.joining import join_sources
from tasks.stages.ingest.params import IngestParams, check_wiring
from tasks.stages.ingest.reading import Wanted, read_source
from tasks.stages.workspace import StageRun

logger = logging.getLogger("portcullis.ingest")


def run(stage_run: StageRun) -> None:
    """Read every source, join them, and write the rows sealed.

    Agreements are looked at again: `dvc repro --single-item ingest` comes here without `admit`.
    """
    params, sources = stage_run.params(IngestParams), stage_run.params(Sources, "sources")
    settings = stage_run.installation.settings
    check_wiring(stage_run.columns, params, sources)
    if lines := lapsed(sources, today(settings)):
        raise AgreementError(
            f"{stage_run.case}, {lines[0]}",
            expected="an agreement in force for every source",
            found=f"{len(lines)} without",
            remedy="Renew it, then run `admit` again.",
        )
    stage_run.input("admit", "sources.json")
    stage_run.input("admit", "erasures.json")
    tombstones = (
        stage_run.erased
    )  # before anything is read: who is erased from here on gets no new key
    frames = {}
    for name, source in sources.root.items():
        frames[name] = read_source(source, Wanted.of(name, stage_run.columns, params), settings)
        logger.info("%s: %d rows", name, len(frames[name]))
    rows, report = join_sources(
        frames, stage_run.columns, params, stage_run.secret("pseudonym"), tombstones
    )
    if report.returned_rows:
        back = [subject for subject in rows["subject"].unique() if tombstones.get(subject)]
        readmit(stage_run.keys, back, today(settings))
    stage_run.write_rows(rows)
    stage_run.write_report(report)
    logger.info("%d rows about %d people", report.rows, report.subjects)
    if report.erased_rows:
        logger.info("%d rows left out: their subjects were erased", report.erased_rows)
