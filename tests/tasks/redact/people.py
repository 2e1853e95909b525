"""The linker as it ships, without the spaCy pipeline's words: it needs none to be tested."""

from pathlib import Path

from tasks.redact.finding.lexicon import load_lexicon, nicknames
from tasks.redact.linking import RowLinker

LINKER = RowLinker(load_lexicon(Path("no model")), nicknames())
