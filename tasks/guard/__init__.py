"""Hold the key store to what the signed log has seen of it: nothing that was erased comes back.

`seen` reads the log and appends to it, `opening` is how commands open a key store for work,
`renewal` begins a new store where a person says that the old one is lost, and `clock` keeps a clock
that was set back from bringing anybody back. A stage's process has no ledger: the worker hands it
what the log has seen, and records what it reports (`tasks.keystore.known_stores`).

May import: `tasks.attestation`, `tasks.errors`, `tasks.formats`, `tasks.keystore`, `tasks.ledger`,
`tasks.notary`, `tasks.system`, `tasks.verifier`.
"""
