"""The processes around a flow: their environment, Prefect's servers, and how all of them end.

Nothing here knows what a flow does: a command starts one as a process, and this room attends it.
May import: `tasks.errors`, `tasks.formats`, `tasks.isolated`, `tasks.plain_text`,
`tasks.settings`, `tasks.system`.
"""
