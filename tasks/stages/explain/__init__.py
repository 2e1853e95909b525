"""Say why the model decided; judge whether those reasons can be relied on.

The model itself decides and gives its reasons (`tasks/model`). Here `reasons` has it decide about
all rows, on an engine, and puts its reasons into a table, `soundness` asks whether each of them is
one, `stability` whether they survive what should not matter, `proxies` which features stand in for
a group, by themselves and, with `telling`, together; `explaining` puts it all together, and
`committing` ties a person's reasons to the signed verdict without revealing them.

May import: `tasks.errors`, `tasks.path`, `tasks.adverse_action`, `tasks.config`, `tasks.engines`,
`tasks.formats`, `tasks.gates`, `tasks.keystore`, `tasks.model`, `tasks.reports`,
`tasks.stages.workspace`, `tasks.under_way`, `tasks.verifier`.
"""
