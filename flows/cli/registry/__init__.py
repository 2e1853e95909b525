"""Commands about which registered model serves, and about the store that it lies in.

May import: `flows.cli.base`, `tasks.config`, `tasks.errors`, `tasks.gates`, `tasks.notary`,
`tasks.plain_text`, `tasks.promotion`, `tasks.registry_bucket`, `tasks.serving`,
`tasks.stages.register`, `tasks.verifier`.
"""
