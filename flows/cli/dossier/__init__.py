"""Commands about the dossier: write it, and answer what it asks as a person.

May import: `flows.cli.base`, `flows.steps`, `tasks.attestation`, `tasks.config`, `tasks.dossier`,
`tasks.errors`, `tasks.notary`, `tasks.path`, `tasks.plain_text`, `tasks.verifier`.
"""
