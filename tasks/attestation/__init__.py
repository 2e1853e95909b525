"""Say what was done, and sign it: statements, envelopes, predicates, roles and keys.

Formats are in-toto's and DSSE's. The room is part of the offline verifier: what it imports at the
top of its modules needs the standard library and `cryptography`, and no more.

May import: `tasks.errors`, `tasks.path`, `tasks.settings`, `tasks.formats`, `tasks.system`.
"""
