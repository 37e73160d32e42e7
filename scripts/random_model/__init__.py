"""Checkpoint directories of the official sizes with random weights (see scripts/make_random_model.py)."""
