"""The release bucket: S3 with Object Lock, in which the worker writes each packed model once.

`storing` writes a model, `fetching` reads one back, `preparing` makes a bucket what it has to be,
`checking` says what of that it is not, and `seaweed` says how a SeaweedFS server is started whose
inner ports are shut.

May import: `tasks.errors`, `tasks.formats`, `tasks.gates`, `tasks.settings`.
"""

from tasks.registry_bucket.checking import BucketCheck, anonymous_client, check_bucket
from tasks.registry_bucket.fetching import fetch_folder, has_object
from tasks.registry_bucket.preparing import prepare_bucket
from tasks.registry_bucket.storing import (
    ReleaseBucket,
    StoredModel,
    open_bucket,
    store_folder,
    store_model,
)

__all__ = [
    "BucketCheck",
    "ReleaseBucket",
    "StoredModel",
    "anonymous_client",
    "check_bucket",
    "fetch_folder",
    "has_object",
    "open_bucket",
    "prepare_bucket",
    "store_folder",
    "store_model",
]
