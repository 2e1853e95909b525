"""Measure what runs: code and configuration by their bytes, and all else that can be imported.

The worker measures by itself. `git status`, `pip list` and their like answer as the workspace's own
settings tell them to; here, git's objects are compared by their ids, and installed files by theirs.

May import: `tasks.errors`, `tasks.formats`, `tasks.system`, `tasks.attestation`.
"""
