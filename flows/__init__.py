"""What people start: `release` and `erase` are flows, `__main__` and `installed` the command line.

`cli` holds the commands, `steps` what flows consist of, `serving` the processes around a flow,
`use_cases` what is checked and derived before any run, and `drafting` writes new use cases. An
import goes from the commands to the flows, and from both to the rest; nothing imports `cli`.
"""
