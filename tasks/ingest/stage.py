"""The stage `ingest`."""

import logging

from tasks.ingest.joining import check_columns, join_sources
from tasks.ingest.params import IngestParams
from tasks.ingest.reading import read_source
from tasks.sources import Sources
from tasks.work import Work

logger = logging.getLogger("portcullis.ingest")


def run(work: Work) -> None:
    """Read every source, join them, and write the rows sealed."""
    params = work.params(IngestParams)
    work.input("admit", "sources.json")
    frames = {}
    for name, source in work.params(Sources, "sources").root.items():
        frames[name] = read_source(name, source)
        check_columns(name, frames[name], work.columns, params)
        logger.info("%s: %d rows", name, len(frames[name]))
    rows, report = join_sources(frames, work.columns, params, work.secret("pseudonym"))
    work.write_rows(rows)
    work.write_report(report)
    logger.info("%d rows about %d people", report.rows, report.subjects)
