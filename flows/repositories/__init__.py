"""Make a repository for use cases of one's own, outside this checkout, and bring it up to date.

What it holds is this version's code and pinned libraries, as files that it manages and nobody
edits, beside everything that belongs to its owner. So a commit of such a repository holds all that
ran, as a checkout's does, and no upgrade has anything to merge: docs/adr/0085.
May import: `flows.use_cases`, `tasks.config`, `tasks.errors`, `tasks.formats`, `tasks.system`.
"""
