"""Measure whom the model disadvantages, by how much, and how sure one can be; judge it.

`aif` has AIF360 compute its metrics from counts per group, `measuring` puts them beside the
estimates of `tasks/disparity`, `judging` judges, `power` says what the gate can tell on so many
rows, `foretelling` says it before a model is trained, and `registered` holds the registered model's
decisions against those that were judged.

May import: `tasks.errors`, `tasks.path`, `tasks.config`, `tasks.disparity`, `tasks.formats`,
`tasks.gates`, `tasks.learning`, `tasks.reports`, `tasks.stages.workspace`, `tasks.under_way`.
"""
