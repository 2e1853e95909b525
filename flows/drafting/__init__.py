"""Draft a use case from sources: read their names and a sample, guess, and write the guesses down.

Values stay in memory: only names of columns, kinds, counts and words for yes and no are printed or
written. What is guessed here, a person confirms; a delivery is read as it is declared.
May import: `flows.use_cases`, `tasks.config`, `tasks.errors`, `tasks.redaction`, `tasks.settings`,
`tasks.stages.ingest`, `tasks.stages.ingest.reading`, `tasks.formats`, `tasks.system`.
"""
