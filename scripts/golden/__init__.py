"""Makes the tiny checkpoints and reference numbers of tests/golden (see scripts/make_golden.py)."""
