"""Objects as files: none lies in another's place, and none is taken whose lock is over."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import count
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError

from tasks.errors import EvidenceError, ServiceError
from tasks.registry_bucket import ReleaseBucket, fetch_folder, store_folder
from tasks.registry_bucket.storing import list_keys


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


def test_a_list_of_objects_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.registry_bucket.storing.MOST_PAGES", 3)
    client = MagicMock()
    numbers = count(1)
    client.get_paginator.return_value.paginate.return_value = (
        {"Contents": [{"Key": f"m/{number:d}"}]} for number in numbers
    )
    with pytest.raises(ServiceError, match="a list of more than 3 pages of objects"):
        list_keys(ReleaseBucket(client, "bucket", "", 1), "m/")
    assert next(numbers) == 5  # one page further than is allowed


@pytest.mark.parametrize(("days", "is_taken"), [(1, True), (-1, False)])
def test_an_object_whose_lock_is_over_is_not_taken_for_a_locked_one(
    tmp_path: Path, days: int, is_taken: bool
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    client = MagicMock()
    taken = {"Error": {"Code": "PreconditionFailed"}}
    client.put_object.side_effect = ClientError(taken, "PutObject")
    client.get_object.return_value = {
        "ObjectLockMode": "COMPLIANCE",
        "ObjectLockRetainUntilDate": datetime.now(UTC) + timedelta(days=days),
        "Body": BytesIO(b"x"),
    }
    bucket = ReleaseBucket(client, "bucket", "", 1)
    if is_taken:
        assert not store_folder(path, "s3://bucket/m", bucket)
    else:
        with pytest.raises(EvidenceError, match="without a lock"):
            store_folder(path, "s3://bucket/m", bucket)
