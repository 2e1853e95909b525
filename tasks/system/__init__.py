"""Reach the machine and the services beside it, in one way for all rooms above.

An installation's folders and secrets, key files, digests, processes, their memory and pools of
them, git, YAML files, SQL databases and the Transit engine of Vault. Nothing here knows what a
stage, a use case or a ledger is.

May import: `tasks.errors`, `tasks.settings`.
"""
