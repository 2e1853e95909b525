"""Decide whether the data is fit to learn from: expectations, drift, duplicates, group sizes.

`expectations` runs a suite with Great Expectations and `docs` cleans its page; `profile` keeps the
shape of an accepted version and measures drift from it; `quality` measures the rest and judges.

May import: `tasks.errors`, `tasks.path`, `tasks.config`, `tasks.formats`, `tasks.gates`,
`tasks.reports`, `tasks.stages.workspace`, `tasks.under_way`.
"""
