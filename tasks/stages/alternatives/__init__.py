"""Search for less discriminatory alternatives to the model, and judge whether one dominates it.

`configurations` puts the declared grid together, `searching` fits and scores it out of fold,
`figures` measures each configuration with its uncertainty, `choosing` picks an alternative on half
of the people and confirms it on the other half, and `judging` judges.

May import: `tasks.errors`, `tasks.path`, `tasks.config`, `tasks.disparity`, `tasks.gates`,
`tasks.learning`, `tasks.model`, `tasks.reports`, `tasks.stages.workspace`, `tasks.system`,
`tasks.under_way`.
"""
