"""Take people out of what other programs keep in plain text: files, databases, git, MLflow.

Each module is one kind of store, with one class that implements `Sink`; `installed` lists those of
an installation. A sink masks or removes what it may, looks at itself afterwards, and reports what
it left to a person or could not search.

May import: `tasks.errors`, `tasks.plain_text`, `tasks.settings`, `tasks.registry`, `tasks.system`,
`tasks.erasure.searching`.
"""

from tasks.erasure.sinks.sink import PurgeOptions, PurgeReport, Sink, SinkId

__all__ = ["PurgeOptions", "PurgeReport", "Sink", "SinkId"]
