"""The accepted version of the data, kept as figures about nobody, and what a delivery is beside it.

`cells` cuts a column into cells; `profile` keeps their shares and measures drift of one column;
`scores` turns cells into numbers, whose correlations `associations` keeps and `agreement` compares;
`label_rates` compares labels by group, `support` the rows that lie beyond what was accepted.
`holding` keeps columns of all rows in few bytes until one is worked on.

May import: `tasks.config`.
"""
