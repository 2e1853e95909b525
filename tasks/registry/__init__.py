"""The model registry (MLflow): the client side. Imported by `register` alone, and only when a gate is open."""

from tasks.registry.client import Receipt, Release, publish

__all__ = ["Receipt", "Release", "publish"]
