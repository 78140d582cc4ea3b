"""Inspect data sets and prepare them for training."""
