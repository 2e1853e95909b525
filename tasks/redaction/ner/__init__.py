"""spaCy's named-entity recogniser, a batch at a time: same network, same decisions, faster.

From the outside in: `names` finds names in texts of any length, `recogniser` runs the network over
a batch, `tokens`, `encoding` and `decoding` are its three steps, `network` holds the weights and
`memory` what has been computed already (docs/adr/0010-a-recogniser-computed-again.md).
`transformer` is a second recogniser beside it (docs/adr/0084-a-careful-mode.md), whose products
`integers` rewrites.

May import: `tasks.errors`.
"""

from tasks.redaction.ner.recogniser import Entity, FastNer, same_as_spacy

__all__ = ["Entity", "FastNer", "same_as_spacy"]
