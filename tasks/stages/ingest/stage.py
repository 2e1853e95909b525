"""The stage `ingest`: reads the sources, joins them and seals the rows."""

import logging

from tasks.config.sources import Sources, lapsed, today
from tasks.errors import AgreementError, DataError
from tasks.keystore.tombstone_events import readmit_subjects
from tasks.stages.ingest.joining import JoinedSources
from tasks.stages.ingest.params import IngestParams, check_wiring
from tasks.stages.ingest.reading import ExpectedDelivery, read_source
from tasks.stages.workspace import StageRun
from tasks.under_way import under_way

logger = logging.getLogger("portcullis.ingest")


def run(stage_run: StageRun) -> None:
    """Read every source, join them, and write the rows sealed.

    Raises:
        AgreementError: A source has no agreement in force. Checked again, since
            `dvc repro --single-item ingest` comes here without `admit`.
        ConfigError: Columns, joins and rules do not fit together.
        SourceError: A source is missing, or does not deliver what is declared.
        DataError: A row names no subject, or no row is left.
    """
    params = stage_run.params(IngestParams)
    sources = stage_run.params(Sources, "sources")
    settings = stage_run.installation.settings

    check_wiring(stage_run.columns, params, sources)
    if lines := lapsed(sources, today(settings)):
        raise AgreementError(
            f"{stage_run.case}, {lines[0]}",
            expected="an agreement in force for every source",
            found=f"{len(lines)} without",
            remedy="Renew it, then run `admit` again.",
        )

    # Not read, but named as inputs: what they say decides whether this stage runs at all.
    stage_run.input("admit", "sources.json")
    stage_run.input("admit", "erasures.json")

    # Before anything is read: whoever is erased from here on gets no new key while rows are sealed.
    tombstones = stage_run.erased
    tables = {}
    with under_way("reading sources", len(sources.root), "sources") as work:
        for name, source in sources.root.items():
            tables[name] = read_source(
                source, ExpectedDelivery.of(name, stage_run.columns, params), settings
            )
            work.advance()
            logger.info("%s: %d rows", name, len(tables[name]))

    delivered = sum(len(table) for table in tables.values())
    with under_way("joining rows"):
        joined = JoinedSources(
            tables,
            stage_run.columns,
            params,
            stage_run.secret("pseudonym"),
            tombstones,
            today=today(settings),
        )
    tables.clear()  # what no row took of them is not needed any more
    # Keys of erased subjects are destroyed: those who came back need new ones before rows are
    # sealed.
    if joined.is_anybody_back:
        returned = [subject for subject in joined.subjects.unique() if tombstones.get(subject)]
        readmit_subjects(stage_run.keys, returned, today(settings))

    if not len(joined):
        raise DataError(
            f"{stage_run.case}, ingest",
            expected="at least one row about somebody who may be processed",
            found=f"none of {delivered}, {joined.report().erased_rows} of people erased",
            remedy="See that the sources are the ones that were meant, and how they are joined.",
        )
    with under_way("making keys", unit="people") as work:
        stage_run.keys.make_missing(joined.subjects.drop_duplicates(), advance=work.advance)
    with (
        under_way("sealing", len(joined), "rows") as work,
        stage_run.writing_rows() as writer,
    ):
        # Worker processes of this machine would start for less than they are worth.
        is_worth_it = stage_run.engine_params.root.kind == "dask" or (
            len(joined) > writer.rows_at_once
        )
        engine = stage_run.engine if is_worth_it else None
        for part in joined.parts(writer.rows_at_once, engine):
            writer.write(part)
            work.advance(len(part))
            del part  # before the next one is made
    report = joined.report()
    stage_run.write_report(report)
    logger.info("%d rows about %d people", report.rows, report.subjects)
    if report.erased_rows:
        logger.info("%d rows left out: their subjects were erased", report.erased_rows)
    if report.masked_rows:
        logger.info("%d rows: other people masked in their texts", report.masked_rows)
