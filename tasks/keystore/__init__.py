"""Keys of data subjects: made, wrapped, stored, sealed to custodians, destroyed.

It also holds the tombstones of those who were erased, so that nobody makes a key for them again.

May import: `tasks.config`, `tasks.errors`, `tasks.formats`, `tasks.settings`,
`tasks.system`.
"""
