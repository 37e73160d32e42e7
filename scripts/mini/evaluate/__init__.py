"""Measures the model: programmatic checks of films, tables per slot, contact sheets."""
