"""Say what is missing, old, or from elsewhere in an installation; change nothing.

`findings` is what is said, `copying` lets everything be opened without touching it, `stores` looks
at keys, log and journal, `under_way` at erasures that are not done, `machine` at files, disk and
databases, and `examining` asks them all.

May import: `tasks.anchoring`, `tasks.attestation`, `tasks.erasure`, `tasks.erasure.searching`,
`tasks.errors`, `tasks.formats`, `tasks.guard`, `tasks.keystore`, `tasks.notary`, `tasks.sealed`,
`tasks.system`, `tasks.verifier`.
"""
