"""The commands of `./portcullis`: a module reads its arguments, has the work done, and prints.

Commands about personal data are in `privacy`, commands about evidence in `proof`, commands about
what is shipped in `shipping`. `attended_release` is the process in which `release` runs its flow,
`unchanged_release` the one in which it looks beforehand whether there is anything to be done.

May import: `flows.drafting`, `flows.release`, `flows.repositories`, `flows.serving`, `flows.stack`,
`flows.steps`, `flows.use_cases`, `flows.version`, `tasks.code_identity`, `tasks.config`,
`tasks.disparity`, `tasks.doctor`, `tasks.errors`, `tasks.learning`, `tasks.notary`, `tasks.path`,
`tasks.registry_server`, `tasks.registry`, `tasks.registry_database`, `tasks.registry_store`,
`tasks.release_page`, `tasks.secrets`, `tasks.stages.fairness`, `tasks.system`, `tasks.plain_text`,
`tasks.formats`, `tasks.service`, `tasks.settings`, `tasks.verifier`.
"""
