"""Texts of other people in sealed versions: a note about Bob that names Ann is sealed as Bob's.

Nothing is rewritten: a version is named by its digest (docs/adr/0077). `versions` says which
versions have free texts, `searching` searches one as far as keys open it, and `reporting` is the
sink, which reports each version that mentions the person.

May import: `tasks.config`, `tasks.errors`, `tasks.keystore`, `tasks.system`,
`tasks.erasure.searching`, `tasks.erasure.sinks`.
"""

from tasks.erasure.sinks.texts.reporting import TextsSink
from tasks.erasure.sinks.texts.versions import OtherRows

__all__ = ["OtherRows", "TextsSink"]
