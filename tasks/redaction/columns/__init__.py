"""Columns: what each is declared as or looks like, and what becomes of its values.

Pseudonyms, years, networks and the HIPAA safe harbour for declared columns (`structured`, `hipaa`);
what a column looks like, and where that and the declaration disagree (`looks`, `explaining`); by
what a column is treated that nobody declared (`undeclared`).

May import: `tasks.errors`, `tasks.config`, `tasks.keystore`, `tasks.redaction`,
`tasks.redaction.finding`, `tasks.redaction.finding.patterns`.
"""
