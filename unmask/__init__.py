"""Unmask tells whether a face in a photo or a video is genuine, and shows the evidence."""

from __future__ import annotations

__version__ = "0.1.0"
