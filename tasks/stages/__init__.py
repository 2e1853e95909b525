"""The data path and only it: one room a stage, and what every stage's process shares.

`process` runs one stage's `run` in a process without signing credentials, `workspace` reads, seals,
writes and digests for it, and `weighing` gathers what `decide` and `register` both rest on. Stages
do not import each other: they meet in `data/<use case>/`.

May import: `tasks.errors`, `tasks.path`, `tasks.config`, `tasks.gates`, `tasks.keystore`,
`tasks.pipeline`, `tasks.sealed`, `tasks.formats`, `tasks.system`, `tasks.engines`,
`tasks.under_way`.
"""
