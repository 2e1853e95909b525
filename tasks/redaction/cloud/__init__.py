"""Detectors that others run: Google's and Amazon's. Never the default; a use case declares them.

What they find is added to what is found here. What they are sent is said before it is sent,
counted, held to a limit, and stands in the signed report.

May import: `tasks.errors`, `tasks.config`, `tasks.formats`, `tasks.redaction`,
`tasks.redaction.ner`.
"""
