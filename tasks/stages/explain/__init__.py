"""Say why the model decided; judge whether those reasons can be relied on.

`shapley` has SHAP compute contributions, `reasons` turns them into the words that a person is told,
`proxies` and `stability` measure what makes them untrustworthy, `explaining` puts them together,
and `committing` ties a person's reasons to the signed verdict without revealing them.

May import: `tasks.errors`, `tasks.path`, `tasks.config`, `tasks.gates`, `tasks.keystore`,
`tasks.model`, `tasks.reports`, `tasks.stages.workspace`, `tasks.verifier`.
"""
