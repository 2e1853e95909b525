"""Draft a use case from files: read their headers and a sample, guess, and write the guesses down.

Values stay in memory: only names of columns, kinds and counts are printed or written.
May import: `flows.use_cases`, `tasks.config`, `tasks.errors`, `tasks.redaction`,
`tasks.stages.ingest`, `tasks.formats`.
"""
