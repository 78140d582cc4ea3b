"""Reads photos, videos and folders, and says what their files tell about their history."""

from unmask.media.folders import walk
from unmask.media.options import Limits, Sampling
from unmask.media.source import Source, open_media, prepare

__all__ = ["Limits", "Sampling", "Source", "open_media", "prepare", "walk"]
