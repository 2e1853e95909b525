"""Read one source into a frame, whatever its kind; one clear line for whatever is wrong with it."""

from tasks.stages.ingest.reading.delivery import Wanted
from tasks.stages.ingest.reading.reader import read_source

__all__ = ["Wanted", "read_source"]
