"""Trains soragen-mini, a stage a module; `python -m mini --help` lists the stages."""
