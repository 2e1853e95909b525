"""Read one source into a frame of its declared columns, whatever the source is stored as.

`delivery` says what a source has to deliver and brings each column to the type of its kind, by
`kinds`; `file` and `query` are the two ways of reading, `reader` chooses, and `sampling` looks at
first rows. No error quotes a value of a source, nor a name that the use case does not declare.

May import: `tasks.errors`, `tasks.settings`, `tasks.config`, `tasks.formats`,
`tasks.stages.ingest`, `tasks.stages.ingest.sample`, `tasks.system`,
`tasks.under_way`.
"""

from tasks.stages.ingest.reading.delivery import ExpectedDelivery
from tasks.stages.ingest.reading.reader import read_source

__all__ = ["ExpectedDelivery", "read_source"]
