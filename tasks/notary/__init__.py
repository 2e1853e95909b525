"""The only way in which evidence is made: statements are signed by role and appended to the ledger.

It holds the worker's keys; a process that runs a stage's own code never opens it. What people do
with personal data is recorded here, before it is done.

May import: `tasks.attestation`, `tasks.audit_log`, `tasks.errors`, `tasks.formats`, `tasks.gates`,
`tasks.ledger`, `tasks.path`, `tasks.system`, `tasks.verifier`.
"""
