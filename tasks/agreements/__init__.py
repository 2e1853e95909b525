"""The agreements by which the data of others may be used: declared as data, judged by clause.

Each agreement is a file of `configs/governance/agreements`, named by its id: who the party is and
in which role, what it covers, where in the text each clause stands that the law asks for, who else
processes, where data goes, until when it holds, and the digest of the signed file. `clauses` is
what the law asks for, `register` reads the files, and `judging` compares them with a use case's
sources. The stage `admit` stops on a fault, and the worker judges again by itself and signs what it
found (docs/adr/0107-agreements-are-a-gate.md).

May import: `tasks.attestation`, `tasks.config`, `tasks.errors`, `tasks.formats`.
"""
