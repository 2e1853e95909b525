"""The append-only log of envelopes: a Merkle tree in tiles, with signed checkpoints and proofs.

Pure modules (`merkle`, `tiles`, `checkpoint`, `proof`) are part of the offline verifier; stores
keep the log in SQLite or PostgreSQL. Formats are those of RFC 9162 and C2SP, so that others can
read them.

May import: `tasks.attestation`, `tasks.errors`, `tasks.formats`, `tasks.system`.
"""
