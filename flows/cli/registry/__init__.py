"""Commands about which registered model serves, and about the store that it lies in.

May import: `flows.cli.base`, `flows.steps`, `tasks.attestation`, `tasks.config`, `tasks.errors`,
`tasks.formats`, `tasks.gates`, `tasks.notary`, `tasks.plain_text`, `tasks.registry_bucket`,
`tasks.serving`, `tasks.stages.register`, `tasks.system`, `tasks.verifier`.
"""
