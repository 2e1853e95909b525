"""Commands of privacy officers: requests of data subjects, and what a court or a law keeps.

Each module is one command: `erase`, `export`, `hold`, `release-hold`, `requests`. What tasks import
is imported inside `main`, so that `--help` answers at once.

May import: `flows.cli.base`, `tasks.errors`, `tasks.access`, `tasks.config`, `tasks.erasure`,
`tasks.guard`, `tasks.keystore`, `tasks.notary`, `tasks.system`, `tasks.plain_text`,
`tasks.formats`.
"""
