"""The way out: who may be dialled, and the one HTTP client that dials."""
