"""Mask personal data in free text before any later stage can read it; measure what leaked.

For texts and frames of one's own: `find_personal_data`, `mask_texts`, `redact_frame`
(docs/redaction.md). Its rooms: `finding` finds personal data without knowing whose it is,
`linking` finds the row's own person, `ner` computes spaCy's recogniser of names faster, `columns`
treats what is not free text, `engines` puts rows together again whose texts an engine masked.

May import: `tasks.errors`, `tasks.config`, `tasks.engines`, `tasks.formats`,
`tasks.keystore`.
"""

from tasks.redaction.api import find_personal_data, mask_texts, redact_frame

__all__ = ["find_personal_data", "mask_texts", "redact_frame"]
