"""Learn from the data that passed the gates of privacy and quality; judge how good the model is.

`tasks/learning` learns, `completing` adds what decisions rest on beyond a score, `measuring`
measures out of fold and on held-out people, `judging` judges.

May import: `tasks.errors`, `tasks.path`, `tasks.adverse_action`, `tasks.config`,
`tasks.disparity`, `tasks.gates`, `tasks.learning`, `tasks.model`, `tasks.reports`,
`tasks.stages.weighing`, `tasks.stages.workspace`, `tasks.formats`, `tasks.under_way`.
"""
