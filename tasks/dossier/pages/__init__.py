"""The pages of a dossier, each from one subject: pure functions that look evidence up.

May import: `tasks.attestation`, `tasks.dossier`, `tasks.gates`, `tasks.path`, `tasks.reports`,
`tasks.verifier`.
"""
