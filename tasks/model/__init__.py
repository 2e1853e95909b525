"""A trained model: what `train` writes, `explain` questions, and every registered version carries.

`families` are the libraries' models, `scorer` turns rows into scores, `trees` and `shapley` say
what each input did, `reasons` puts that into words, against `composites`, `contract` says what goes
in, `deciding` is the one function that decides, and `loading` is what MLflow calls.

Shipped whole beside each registered model, so it stands alone: relative imports only, and beyond
the standard library numpy, pandas, pydantic and the model's own library. A test holds it to that.

May import: nothing of this project.
"""

from .composites import Composites
from .contract import Contract
from .deciding import DecisionModel, Decisions
from .errors import BrokenModelError, InputError, ModelError
from .reasons import ReasonGroup, ReasonMap
from .refits import load_refits, save_refits
from .scorer import Input, Scorer

__all__ = [
    "BrokenModelError",
    "Composites",
    "Contract",
    "DecisionModel",
    "Decisions",
    "Input",
    "InputError",
    "ModelError",
    "ReasonGroup",
    "ReasonMap",
    "Scorer",
    "load_refits",
    "save_refits",
]
