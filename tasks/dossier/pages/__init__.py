"""The pages of a dossier, each from one subject: pure functions that look evidence up.

May import: `tasks.agreements`, `tasks.attestation`, `tasks.dossier`, `tasks.gates`, `tasks.notary`,
`tasks.path`, `tasks.release_page`, `tasks.reports`, `tasks.verifier`.
"""
