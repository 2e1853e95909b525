"""Where else a person may stand: each sink purges itself, can do so again, and looks at itself afterwards."""

from tasks.erasure.sinks.sink import Purged, Sink

__all__ = ["Purged", "Sink"]
