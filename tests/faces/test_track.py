import numpy as np
import pytest

from unmask.faces.track import REMEMBERED, Tracker, look, overlap
from unmask.types import Box, Face

RED, GREEN, BLUE = (200, 60, 50), (60, 170, 70), (50, 70, 200)


def face(box: Box) -> Face:
    return Face(box, 0.9, np.zeros((5, 2), np.float32))


def scene(*people: tuple[Box, tuple], light: float = 1.0, seed: int = 0) -> tuple:
    """A noisy grey frame with coloured people, and their faces."""
    rng = np.random.default_rng(seed)
    frame = np.full((240, 320, 3), 110.0)
    for (x0, y0, x1, y1), colour in people:
        frame[int(y0) - 8 : int(y1) + 8, int(x0) - 8 : int(x1) + 8] = colour
    frame = light * frame + rng.normal(0, 4, frame.shape)
    return np.clip(frame, 0, 255).astype(np.uint8), [face(box) for box, _ in people]


def numbers(tracker: Tracker, *frames) -> list[list[int]]:
    return [[f.track for f in tracker.update(*frame)] for frame in frames]


def at(x: float, y: float = 60, side: float = 50) -> Box:
    return (x, y, x + side, y + side)


def test_overlap() -> None:
    assert overlap((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert overlap((0, 0, 2, 2), (2, 0, 4, 2)) == 0
    assert overlap((0, 0, 2, 2), (5, 5, 6, 6)) == 0
    assert overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_a_moving_person_keeps_the_number() -> None:
    frames = [scene((at(20 + 6 * i), RED), seed=i) for i in range(30)]
    assert numbers(Tracker(), *frames) == [[0]] * 30


def test_the_faces_are_otherwise_as_they_came() -> None:
    frame, faces = scene((at(20), RED), (at(200), BLUE))
    found = Tracker().update(frame, faces)
    assert [f.box for f in found] == [f.box for f in faces]
    assert [f.track for f in found] == [0, 1]


def test_two_people_crossing_are_told_apart_by_their_looks() -> None:
    frames = [
        scene((at(20 + 10 * i), RED), (at(220 - 10 * i, 64), GREEN), seed=i)
        for i in range(21)
        if abs(i - 10) > 2  # while one hides the other, no finder sees both
    ]
    assert numbers(Tracker(), *frames) == [[0, 1]] * len(frames)


def test_sparse_sampling_follows_the_looks() -> None:
    places = [(20, 200), (250, 90), (140, 30), (60, 260)]
    frames = [scene((at(a), RED), (at(b), BLUE), seed=a) for a, b in places]
    assert numbers(Tracker(), *frames) == [[0, 1]] * 4


def test_a_cut_to_someone_else_at_the_same_place() -> None:
    frames = [scene((at(100), colour), seed=i) for i, colour in enumerate([RED, RED, BLUE, RED])]
    assert numbers(Tracker(), *frames) == [[0], [0], [1], [0]]


def test_leaving_and_coming_back() -> None:
    tracker = Tracker()
    here, gone = scene((at(100), RED)), scene()
    assert numbers(tracker, here, *[gone] * 20, here) == [[0], *[[]] * 20, [0]]


def test_entering_gets_a_new_number() -> None:
    frames = [scene((at(20), RED)), scene((at(20), RED), (at(200), GREEN))]
    assert numbers(Tracker(), *frames) == [[0], [0, 1]]


def test_look_alikes_are_told_apart_by_their_places() -> None:
    frames = [
        scene((at(20 + 2 * i), RED), (at(220 - 2 * i), RED), seed=i)
        if i % 2
        else scene((at(220 - 2 * i), RED), (at(20 + 2 * i), RED), seed=i)
        for i in range(8)
    ]
    assert numbers(Tracker(), *frames) == [[0, 1], [1, 0]] * 4


def test_brightness_is_no_part_of_the_looks() -> None:
    bright, faces = scene((at(100), RED))
    dim, _ = scene((at(100), RED), light=0.6)
    assert look(bright, faces[0]) @ look(dim, faces[0]) > 0.9
    assert numbers(Tracker(), (bright, faces), (dim, faces)) == [[0], [0]]


def test_no_two_faces_of_a_frame_share_a_number() -> None:
    frame, (one,) = scene((at(100), RED))
    twins = [one, face(at(102)), face(at(98))]
    tracker = Tracker()
    for _ in range(3):
        found = [f.track for f in tracker.update(frame, twins)]
        assert sorted(found) == [0, 1, 2]


@pytest.mark.parametrize("box", [(10, 10, 10, 10), (0, 0, float("nan"), 10)])
def test_a_box_that_shows_nothing_is_still_numbered(box: Box) -> None:
    frame, _ = scene()
    assert not look(frame, face(box)).any()
    assert numbers(Tracker(), (frame, [face(box)])) == [[0]]


def test_memory_is_bounded() -> None:
    tracker = Tracker()
    rng = np.random.default_rng(0)
    for i in range(REMEMBERED * 2):
        colour = tuple(rng.integers(0, 256, 3))
        tracker.update(*scene((at(rng.uniform(10, 260), rng.uniform(10, 170)), colour), seed=i))
    crowd = [face(at(5 + 3 * (i % 90), 5 + 2 * (i // 90), 9)) for i in range(REMEMBERED * 3)]
    found = tracker.update(np.zeros((240, 320, 3), np.uint8), crowd)
    assert len({f.track for f in found}) == len(crowd)
    assert len(tracker._people) <= REMEMBERED
