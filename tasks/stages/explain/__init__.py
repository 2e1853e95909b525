"""Say why the model decided, to the person and to the validator; judge whether those reasons can be relied on."""
