"""Take names away before any later stage can read them; measure what leaked.

For texts and frames of one's own: `find_personal_data`, `mask_texts`, `redact_frame` (docs/redaction.md).
"""

from tasks.redaction.api import find_personal_data, mask_texts, redact_frame

__all__ = ["find_personal_data", "mask_texts", "redact_frame"]
