"""Open the registry for a cleared model, or leave it shut."""
