"""Learning from faces without labels: masks, views of faces, a probe, and the way out."""
