"""Which frames of a video are to be looked at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unmask.media.options import Sampling

Times = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int_]

# A moment meant to fall on a frame must not miss it by a rounding error.
_SLACK = 1e-6


def choose(times: Times, duration: float, sampling: Sampling) -> Indices:
    """Picks the frames that are on screen at the wished moments.

    The moments of `Sampling.frames` are the middles of equal slices of the whole duration, so that
    the end of a video is looked at as well as its beginning, however its frames are spread. With
    `Sampling.fps` it is the first frame of each tick.

    Args:
        times: Shape (n,), seconds, ascending: when each frame appears.
        duration: Seconds.
        sampling: What is wished.

    Returns:
        Positions in `times`, ascending, none twice.

    Example:
        >>> choose(np.arange(10) / 10, 1.0, Sampling(frames=2)).tolist()
        [2, 7]
    """
    if sampling.fps is not None:
        ticks = np.floor(times * sampling.fps + _SLACK)
        return np.unique(ticks, return_index=True)[1]
    if sampling.frames is None or sampling.frames >= len(times):
        return np.arange(len(times))
    moments = (np.arange(sampling.frames) + 0.5) * (duration / sampling.frames)
    shown = np.searchsorted(times, moments + _SLACK, side="right") - 1
    return np.unique(np.maximum(shown, 0))
