"""What is shipped: vulnerabilities, licences, and whether it is what is installed.

`declaring` reads what an operator allows, `locked` the lock files, `installed` compares them with
the environment, `licences` reads what a package says of itself, `vulnerabilities` asks a database,
`materials` writes CycloneDX, and `scanning` weighs it all.

May import: `tasks.errors`, `tasks.formats`, `tasks.gates`.
"""
