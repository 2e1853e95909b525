"""What every command is made with: its declaration on typer, shared options, and its output.

`declaring` makes commands, and the group that imports only the one that is asked for. `usage` says
in the house's form what is wrong with an argument. `options` holds the arguments that several
commands share, `own_key` loads the key by which a person signs, `answering` prints a result as
lines or as JSON, `heartbeat` says that a command is still at work, and `completing` has what a
shell completes. May import: `tasks.attestation`, `tasks.config`, `tasks.errors`,
`tasks.plain_text`, `tasks.system`, `tasks.under_way`.
"""
