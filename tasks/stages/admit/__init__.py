"""Decide whether the sources may be used today, and notice whether they have changed.

The stage runs at the start of every release, because agreements expire and sources change without
any file of ours changing. It reads no rows into memory and imports a library for files or databases
only where a source needs it, so that it costs a fraction of a second when nothing has changed.

May import: `tasks.agreements`, `tasks.errors`, `tasks.settings`, `tasks.config`,
`tasks.stages.workspace`, `tasks.formats`, `tasks.system`.
"""
