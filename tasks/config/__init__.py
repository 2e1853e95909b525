"""Read what people declare about a use case, and refuse what they cannot have meant.

`case_paths` says where a use case lies, `resolving` lays it over the one that it extends, `cases`
gives each stage its own section, validated, and `editing` changes single lines. `sources`,
`deployment` and `case_files` are sections and parts of sections that several rooms read; the others
stand as `params.py` beside the code that they set. `strict` is the base of all of them.

May import: `tasks.errors`, `tasks.settings`, `tasks.formats`.
"""
