"""Measuring detectors: metrics with honest intervals, baselines that see no face, protocols."""
