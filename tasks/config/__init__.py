"""Use cases as people write them: columns, sources, sections, limits."""
