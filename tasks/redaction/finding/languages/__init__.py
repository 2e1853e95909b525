"""What is peculiar to a language: its words, names, towns, numbers and forms of addresses.

English is the language that everything else was made for; the profiles of the others lie here, as
data where they can be.

May import: `tasks.errors`, `tasks.redaction.finding`, `tasks.redaction.finding.patterns`,
`tasks.redaction`.
"""

from tasks.redaction.finding.languages.profiles import (
    LANGUAGES,
    LanguageProfile,
    profile_of,
    require_language,
)

__all__ = ["LANGUAGES", "LanguageProfile", "profile_of", "require_language"]
