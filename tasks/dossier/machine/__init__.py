"""The dossier in formats of others: CycloneDX 1.6 with a model card, OSCAL assessment results.

Each is plain JSON, made from the same subject as the pages, and validated in tests by tools that we
did not write. Identifiers are derived from digests, and times are those of statements: the same
evidence gives the same bytes.

May import: `tasks.dossier`, `tasks.gates`, `tasks.verifier`.
"""
