"""Find personal data in texts without knowing whose they are: names by a recogniser and rules, the rest by its form."""

from tasks.redaction.finding.finder import FastFinder

__all__ = ["FastFinder"]
