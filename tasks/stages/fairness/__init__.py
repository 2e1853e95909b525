"""Measure whom the model disadvantages, by how much, and how sure one can be; judge it.

`counts` reduces decisions to counts per group, `aif` has AIF360 compute its metrics from them,
`intervals` and `bootstrap` add the uncertainty that AIF360 lacks, `measuring` puts them together,
`judging` judges.

May import: `tasks.errors`, `tasks.path`, `tasks.config`, `tasks.formats`, `tasks.gates`,
`tasks.reports`, `tasks.stages.workspace`.
"""
