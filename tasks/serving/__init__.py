"""Load a registered model that may decide today, and nothing else.

May import: `tasks.errors`, `tasks.formats`, `tasks.model`, `tasks.notary`,
`tasks.registry`, `tasks.stages.register`, `tasks.stages.workspace`, `tasks.system`,
`tasks.verifier`.
"""

from tasks.serving.judging import judge_serving
from tasks.serving.loading import LoadedModel, load_model

__all__ = ["LoadedModel", "judge_serving", "load_model"]
