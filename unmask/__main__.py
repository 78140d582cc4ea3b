"""Lets `python -m unmask` do what the `unmask` command does."""

from __future__ import annotations

from unmask.cli import main

if __name__ == "__main__":
    main()
