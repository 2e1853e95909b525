"""What is checked about use cases before any run, and the files that are derived from them.

It reads `configs/` and never the data. May import: `tasks.adverse_action`, `tasks.config`,
`tasks.errors`, `tasks.formats`, `tasks.path`, `tasks.pipeline`, `tasks.redaction`,
`tasks.settings`, `tasks.stages.alternatives`, `tasks.stages.ingest`, `tasks.stages.train`,
`tasks.stages.validate`.
"""
