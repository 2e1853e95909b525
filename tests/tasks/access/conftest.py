"""Access looks for people where an erasure does: it is tested on the same installation."""

from tests.tasks.erasure.conftest import pattern, small_installation

__all__ = ["pattern", "small_installation"]
