"""Makers of pseudo-forgeries and of the wear that every picture suffers on its way."""
