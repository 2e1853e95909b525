"""The worker: it runs a stage's own code apart from itself, signs for it, and alone publishes.

`python -m tasks`, which DVC starts for every stage, is this room. It reads every byte of code and
configuration once, gives the stage a copy of those bytes in a folder of its own, and signs for
them and for no others. Who is judged holds no key, no registry's credentials and no address of the
ledger.

May import: `tasks.errors`, `tasks.path`, `tasks.settings`, `tasks.isolated`, `tasks.config`,
`tasks.gates`, `tasks.formats`, `tasks.system`, `tasks.attestation`, `tasks.clearance`,
`tasks.code_identity`, `tasks.guard`, `tasks.keystore`, `tasks.notary`,
`tasks.dossier`, `tasks.verifier`, `tasks.pipeline`, `tasks.registry`,
`tasks.model`, `tasks.stages.register`, `tasks.stages.weighing`, `tasks.stages.workspace`.
"""
