"""The audit log: events of runs and of people, in OCSF, signed for in batches and shipped.

Its files are plain lines that any collector reads; the ledger holds the digest of every batch, so
that a changed line is found.

May import: `tasks.attestation`, `tasks.config`, `tasks.errors`, `tasks.formats`, `tasks.settings`,
`tasks.system`, `tasks.verifier`.
"""
