"""Learn from the data behind the gates of privacy and quality; judge how good the model is."""
