"""The registry's whole stack on one machine: its servers, each a class that is usable alone.

`whole.py` starts any combination of layers; tests start them from here, too.
May import: `flows.serving`, `tasks.errors`, `tasks.formats`, `tasks.registry_bucket`,
`tasks.registry_database`, `tasks.registry_server`, `tasks.secrets`, `tasks.system`.
"""
