"""The model registry (MLflow), from the client's side: imported by the worker when a gate is open.

`packing` makes a model folder into one that loads anywhere, `describing` says what it is, `carding`
what it comes with (parameters, metrics, data, the page of its release), `stored` compares what the
registry gives back with what was judged, `artifacts` writes to MLflow's own store or to the release
bucket, `client` publishes, `own_file` reads what an alias names without MLflow's store,
`signing_in` has its calls carry the release's account, and `loading` fetches a version back and
makes a model of it without foreign code.

May import: `tasks.config`, `tasks.errors`, `tasks.gates`, `tasks.model`, `tasks.formats`,
`tasks.notary`, `tasks.path`, `tasks.plain_text`, `tasks.registry_bucket`,
`tasks.registry_database`, `tasks.release_page`, `tasks.reports`, `tasks.settings`,
`tasks.stages.workspace`, `tasks.system`.
"""

from tasks.registry.client import Publication, Published, Receipt, publish

__all__ = ["Publication", "Published", "Receipt", "publish"]
