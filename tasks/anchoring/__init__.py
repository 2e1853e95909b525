"""Bring the ledger's checkpoint out of this machine's reach: a mirror, a witness, a time stamp.

Each is optional, and required once it is configured: a registration waits until what it rests on
is anchored.

May import: `tasks.errors`, `tasks.formats`, `tasks.ledger`, `tasks.settings`, `tasks.system`.
"""
