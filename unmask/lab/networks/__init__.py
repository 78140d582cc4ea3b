"""Backbones that several methods share."""
