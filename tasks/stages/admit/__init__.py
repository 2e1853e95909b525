"""May these sources be used today, and have they changed? Runs every time, so it imports next to nothing."""
