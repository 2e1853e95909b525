"""Whether a model is current is tested where people can be erased: on the small installation."""

from tests.tasks.erasure.conftest import pattern, small_installation

__all__ = ["pattern", "small_installation"]
