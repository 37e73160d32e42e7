"""soragen-mini: the small world, the model that is trained on it, and how it is measured (see README.md)."""
