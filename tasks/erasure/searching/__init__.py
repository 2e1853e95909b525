"""Find people in sealed versions and in plain text, and take them out of a file's content.

`places` says where files lie and what may be done to them, `discovery` finds people's rows in
sealed files, `search_terms` what to look for in plain text, and `masking` takes it out of one
file's bytes. Nothing here decides anything, and nothing is written but a file that `places` is told
to replace.

May import: `tasks.errors`, `tasks.config`, `tasks.formats`, `tasks.keystore`, `tasks.pipeline`,
`tasks.sealed`, `tasks.under_way`.
"""
