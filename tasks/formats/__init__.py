"""Bytes and text in one form each: archives, canonical and strict JSON, digests, PEM, YAML.

Whatever two rooms must write or read alike is here once, because a second way would differ some day
in a byte that somebody signed. Nothing here knows what the content means.

May import: `tasks.errors`, `tasks.plain_text`.
"""
