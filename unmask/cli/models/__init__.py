"""List, look at, verify, import and fetch detectors and other models."""
