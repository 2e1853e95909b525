"""Give people access to what is held about them: GDPR Art. 15 (access) and Art. 20 (portability).

It reads, and changes nothing but the audit log; it finds rows in the same way as an erasure does,
so that what is shown is what an erasure would reach.

May import: `tasks.errors`, `tasks.config`, `tasks.erasure`, `tasks.erasure.searching`,
`tasks.guard`, `tasks.keystore`, `tasks.notary`, `tasks.formats`, `tasks.system`.
"""
