"""Learn from rows: who learns, one fit, where approval begins, mitigation; measure what came out.

`splitting` decides which rows learn, `fitting` fits one model, `cutoffs` chooses where approval
begins, `reweighing` mitigates, and `training` puts them together and scores every row out of fold.
`performance`, `calibration` and `leaks` measure the result. `params` is the `train:` section of a
use case. The stage `train` learns with it; so do gates that compare a model with others. Writes
nothing.

May import: `tasks.errors`, `tasks.config`, `tasks.engines`, `tasks.model`,
`tasks.under_way`.
"""
