"""Measure detectors under a protocol."""
