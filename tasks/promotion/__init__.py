"""Move a serving alias: forward by a declared rule and a second person, and back by one command.

`params` is the rule, `comparing` applies it to two models' signed verdicts, `approving` makes the
second person's statement, and `moving` decides, records, and moves the alias.

May import: `tasks.attestation`, `tasks.clearance`, `tasks.config`, `tasks.errors`, `tasks.formats`,
`tasks.gates`, `tasks.notary`, `tasks.path`, `tasks.registry`, `tasks.registry_database`,
`tasks.serving`, `tasks.stages.register`, `tasks.system`, `tasks.verifier`, `tasks.worker`.
"""
