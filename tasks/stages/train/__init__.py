"""Learn from the data that passed the gates of privacy and quality; judge how good the model is.

`splitting` decides which rows learn, `fitting` fits one model, `cutoffs` chooses where approval
begins, `reweighing` mitigates, `training` puts them together, `completing` adds what decisions
rest on beyond a score, and `performance` measures the result.

May import: `tasks.errors`, `tasks.path`, `tasks.adverse_action`, `tasks.config`,
`tasks.gates`, `tasks.model`, `tasks.reports`, `tasks.stages.weighing`, `tasks.stages.workspace`,
`tasks.formats`.
"""
