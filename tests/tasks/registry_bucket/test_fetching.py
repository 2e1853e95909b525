"""Objects as files: none lies in another's place."""

from pathlib import Path
from unittest.mock import MagicMock

import pytest

from tasks.errors import EvidenceError
from tasks.registry_bucket import ReleaseBucket, fetch_folder


@pytest.mark.parametrize("names", [("m/x", "m/x/y"), ("m/x/y", "m/x")])
def test_an_object_in_the_place_of_a_folder_is_refused(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    client = MagicMock()
    pages = [{"Contents": [{"Key": name} for name in names]}]
    client.get_paginator.return_value.paginate.return_value = pages
    client.get_object.side_effect = lambda **_: {"Body": MagicMock(read=lambda _: b"")}
    with pytest.raises(EvidenceError, match="in the place of a folder"):
        fetch_folder("s3://bucket/m", tmp_path, ReleaseBucket(client, "bucket", "", 1))
