"""Personal data that is known by its form: patterns as data, validators, one pass over them all.

May import: `tasks.config`, `tasks.redaction`, `tasks.redaction.finding`.
"""
