"""The registry's store on the server: no version, tag or alias without evidence that holds here.

`mlflow server --registry-store-uri portcullis+postgresql://…` calls `store.make_registry_store`.
`methods` gives every method of MLflow's store a class, `runs` reads what a version is made of,
`verifying` weighs the log's archive that was published with it, by what is pinned (`configuring`),
`asking` asks the policy again, and `tags` compares what a tag says with what the evidence says.
`pinning` drafts a configuration that trusts one installation.

May import: `tasks.attestation`, `tasks.clearance`, `tasks.config`, `tasks.errors`, `tasks.formats`,
`tasks.notary`, `tasks.registry`, `tasks.secrets`, `tasks.settings`, `tasks.system`,
`tasks.verifier`.
"""
