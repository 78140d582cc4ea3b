"""Readers of data sets, one file each, and the face cache they are trained from."""
