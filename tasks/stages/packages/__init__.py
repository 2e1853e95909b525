"""Ask whether the packages that a model is shipped with may be shipped.

`measuring` scans the locks by `configs/supply-chain.yaml`, and `judging` judges what it found.

May import: `tasks.path`, `tasks.config`, `tasks.gates`, `tasks.reports`, `tasks.stages.workspace`,
`tasks.supply_chain`.
"""
