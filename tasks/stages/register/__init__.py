"""Open the registry for a cleared model, or leave it shut.

The stage gathers and weighs every verdict again, asks the ledger for its clearance, and publishes
the model only where both agree. Only this stage and `train`
stop because of a verdict.

May import: `tasks.errors`, `tasks.path`, `tasks.attestation`, `tasks.clearance`, `tasks.config`,
`tasks.erasure`, `tasks.gates`, `tasks.model`, `tasks.pipeline`, `tasks.registry`, `tasks.sealed`,
`tasks.stages.weighing`, `tasks.stages.workspace`.
"""
