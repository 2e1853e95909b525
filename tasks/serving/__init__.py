"""Load a registered model that may decide today, and nothing else.

May import: `tasks.attestation`, `tasks.config`, `tasks.erasure`, `tasks.errors`, `tasks.formats`,
`tasks.model`, `tasks.notary`, `tasks.path`, `tasks.pipeline`, `tasks.registry`,
`tasks.stages.register`, `tasks.stages.workspace`, `tasks.system`, `tasks.verifier`.
"""

from tasks.serving.judging import ServingCheck, check_serving, judge_serving
from tasks.serving.loading import LoadedModel, VerifiedModel, load_model, verify_model

__all__ = [
    "LoadedModel",
    "ServingCheck",
    "VerifiedModel",
    "check_serving",
    "judge_serving",
    "load_model",
    "verify_model",
]
