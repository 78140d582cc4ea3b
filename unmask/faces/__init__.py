"""Faces: find them, cut them out, follow them, and say how well each can be judged."""
