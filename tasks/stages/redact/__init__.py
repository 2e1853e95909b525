"""Take names away before any later stage can read them; judge what leaked."""
