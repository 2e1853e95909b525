"""Commands about what is shipped.

May import: `flows.cli.base`, `tasks.config`, `tasks.errors`, `tasks.formats`, `tasks.gates`,
`tasks.plain_text`, `tasks.supply_chain`.
"""
