"""Check a dossier by the bundle beside it, offline: the standard library and `cryptography` alone.

May import: `tasks.attestation`, `tasks.errors`, `tasks.formats`, `tasks.gates`,
`tasks.plain_text`, `tasks.verifier`.
"""
