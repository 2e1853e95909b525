"""Search for the subgroup that the model treats worst, and confirm it on people set aside.

`cells` reduces rows to counts per combination of attributes, `searching` ranks conjunctions on one
half of the people, `confirming` measures the worst on the other half, `multicalibration` asks
whether scores mean what they say in every segment, and `judging` judges.

May import: `tasks.path`, `tasks.config`, `tasks.disparity`, `tasks.formats`,
`tasks.gates`, `tasks.learning`, `tasks.reports`, `tasks.stages.workspace`, `tasks.under_way`.
"""
