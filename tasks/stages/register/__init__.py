"""Let a cleared model pass to the registry, or stop it.

The stage gathers and weighs every verdict again, beside what the worker was told by the ledger. It
publishes nothing: the worker does. Only this stage and `train` stop because of a verdict.

May import: `tasks.errors`, `tasks.config`, `tasks.erasure`, `tasks.formats`, `tasks.gates`,
`tasks.sealed`, `tasks.stages.weighing`, `tasks.stages.workspace`.
"""
