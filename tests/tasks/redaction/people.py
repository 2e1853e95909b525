"""The linker as it ships, without the spaCy pipeline's words: it needs none to be tested."""

from pathlib import Path

from tasks.redaction.finding.lexicon import load_lexicon, nicknames
from tasks.redaction.linking import RowLinker

LINKER = RowLinker(load_lexicon(Path("no model")), nicknames())
