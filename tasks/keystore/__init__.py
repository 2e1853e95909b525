"""Keys of data subjects: made, wrapped, kept, given to custodians, destroyed; and who was erased."""
