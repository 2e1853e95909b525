"""Commands about people, on the small installation of the tests of erasure."""

from tests.tasks.erasure.conftest import pattern, small_installation

__all__ = ["pattern", "small_installation"]
