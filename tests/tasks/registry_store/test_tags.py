"""The tags that a release's version comes with are those that the store knows."""

import re
from pathlib import Path

from tasks.registry_store import tags
from tasks.worker import publishing

SOURCE = Path(publishing.__file__).read_text(encoding="utf-8")


def test_every_tag_of_a_release_is_said_by_evidence_or_listed_as_unsigned() -> None:
    """A tag that only the release knows has every release refused by a server with this store."""
    named = set(re.findall(r'"(portcullis\.[a-z_0-9]+)"', SOURCE))
    assert publishing.DOSSIER_TAG in named
    store = Path(tags.__file__).read_text(encoding="utf-8")
    values = {value for value in vars(tags).values() if isinstance(value, str)}
    assert {name for name in named if name not in values and f'"{name}"' not in store} == set()
