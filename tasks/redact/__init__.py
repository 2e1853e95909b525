"""Take names away before any later stage can read them; measure what leaked."""
