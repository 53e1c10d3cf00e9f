"""The house on a laptop: the template read, its functions called in process, and SQLite in place of AWS."""
