"""Mask known third persons in free text before it is sealed.

They are all people of the delivery but the one whom the row is about.

`spellings` brings values and mentions to one form, `known_values` holds the forms of everybody as
hashes with whose they are, `sieve` says which texts may hold a name at all, `mentions` finds what
may be a mention in a text, and `masking` masks those that are somebody else's, in the text and in
the planted answers about it.

May import: `tasks.errors`, `tasks.config`, `tasks.stages.ingest`.
"""

from tasks.stages.ingest.third_persons.known_values import IDENTIFYING_ROLES
from tasks.stages.ingest.third_persons.masking import (
    MaskedTexts,
    TextsOfPart,
    ThirdPersonMask,
    mask_part,
)

__all__ = ["IDENTIFYING_ROLES", "MaskedTexts", "TextsOfPart", "ThirdPersonMask", "mask_part"]
