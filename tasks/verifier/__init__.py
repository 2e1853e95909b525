"""Verify what was signed without trusting who signed it: offline, from a bundle, or from the log.

Whoever has the root key's id finds out here what a log says about a model: its lineage, its
verdicts, who approved it, and what of that does not hold. Everything is pure but for reading one
archive. With `tasks.attestation`, `tasks.gates` and the pure half of `tasks.ledger` it is the
zipapp that outsiders run: the standard library and `cryptography` are all that it imports, which
`tests/tasks/verifier/test_offline.py` holds it to.

May import: `tasks.errors`, `tasks.path`, `tasks.formats`, `tasks.gates`, `tasks.attestation`,
`tasks.ledger`, `tasks.plain_text`, `tasks.under_way`.
"""
