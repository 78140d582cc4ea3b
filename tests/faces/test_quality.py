import cv2
import numpy as np
import pytest

from unmask.faces.align import TEMPLATE
from unmask.faces.quality import CONFIDENCE, DOUBTFUL, angles, assess
from unmask.types import Face

PARTS = ["size", "sharpness", "exposure", "pose", "visibility"]


def portrait(side: int = 200, frame: int = 300, seed: int = 0) -> tuple[np.ndarray, Face]:
    """Texture with the spectrum of a photo, and a frontal face in the middle of it."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.fftfreq(frame)[:, None] ** 2 + np.fft.fftfreq(frame) ** 2
    spectrum[0, 0] = np.inf
    phases = np.exp(2j * np.pi * rng.random((frame, frame)))
    texture = np.fft.ifft2(phases / np.sqrt(spectrum)).real
    grey = np.clip(125 + 45 * texture / texture.std(), 0, 255).astype(np.uint8)
    start = (frame - side) / 2
    points = TEMPLATE * side / 112 + start
    face = Face((start, start, start + side, start + side), 0.95, points.astype(np.float32))
    return np.repeat(grey[..., None], 3, 2), face


def but(face: Face, **changes) -> Face:
    fields = {name: getattr(face, name) for name in ("box", "confidence", "points")}
    return Face(**fields | changes)


def test_a_good_face_has_nothing_wrong() -> None:
    quality = assess(*portrait())
    assert list(quality.parts) == PARTS
    assert quality.score == min(quality.parts.values()) > DOUBTFUL
    assert quality.size == 200
    assert quality.reasons == ()


@pytest.mark.parametrize("share", [0.02, 0.03, 0.05])
def test_sharpness_falls_with_blur_and_compares_between_sizes(share: float) -> None:
    found = []
    for side in (120, 200):
        pixels, face = portrait(side)
        blurred = cv2.GaussianBlur(pixels, (0, 0), share * side)
        found.append(assess(blurred, face).parts["sharpness"])
        assert found[-1] < assess(pixels, face).parts["sharpness"]
    assert abs(found[0] - found[1]) < 0.15


def test_blur_ends_in_words_and_then_in_zero() -> None:
    pixels, face = portrait()
    some = assess(cv2.GaussianBlur(pixels, (0, 0), 5), face)
    much = assess(cv2.GaussianBlur(pixels, (0, 0), 24), face)
    assert 0 < some.parts["sharpness"] < DOUBTFUL
    assert "blurred" in some.reasons[0]
    assert much.score == 0


def test_size_in_pixels() -> None:
    found = [assess(*portrait(side)).parts["size"] for side in (20, 24, 60, 96, 150)]
    assert found == pytest.approx([0, 0, 0.5, 1, 1])
    assert assess(*portrait(40)).reasons[0] == "The face is small: 40 pixels."


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda p: p // 16, "dark"),
        (lambda p: 255 - p // 16, "bright"),
        (lambda p: np.where(p > 125, 255, 0).astype(np.uint8), "black or white"),
        (lambda p: (125 + (p.astype(int) - 125) // 12).astype(np.uint8), "contrast"),
    ],
)
def test_exposure(change, word: str) -> None:
    pixels, face = portrait()
    quality = assess(change(pixels), face)
    assert quality.parts["exposure"] < DOUBTFUL
    assert any(word in reason for reason in quality.reasons)


def test_well_lit_dark_skin_is_no_complaint() -> None:
    pixels, face = portrait()
    quality = assess((pixels * 0.45).astype(np.uint8), face)  # mean about 55
    assert quality.parts["exposure"] == 1


def head(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Five points of a rigid head, turned, seen from far away; nose 0.5 eye distances ahead."""
    model = np.array(
        [[-0.5, 0, 0], [0.5, 0, 0], [0, 0.6555, 0.5], [-0.4, 1.15, 0], [0.4, 1.15, 0]], float
    )
    y, p, r = np.radians([yaw, pitch, roll])
    turn_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    turn_p = [[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]]
    turn_r = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    seen = model @ np.transpose(np.array(turn_r) @ turn_y @ turn_p)
    return (seen[:, :2] * 60 + 150).astype(np.float32)


@pytest.mark.parametrize("yaw", [-40, -15, 0, 30, 50])
@pytest.mark.parametrize("roll", [-30, 0, 80])
def test_yaw_and_roll_of_a_rigid_head(yaw: float, roll: float) -> None:
    found = angles(head(yaw, 0, roll))
    assert found == pytest.approx((yaw, 0, roll), abs=2)


@pytest.mark.parametrize("pitch", [-30, -10, 20, 35])
def test_pitch_of_a_rigid_head(pitch: float) -> None:
    assert angles(head(0, pitch, 0)) == pytest.approx((0, pitch, 0), abs=6)


def test_a_turned_head_is_doubted_then_refused() -> None:
    pixels, face = portrait()
    found = [assess(pixels, but(face, points=head(yaw, 0, 0))) for yaw in (20, 50, 65)]
    assert found[0].parts["pose"] == 1
    assert 0 < found[1].parts["pose"] < DOUBTFUL
    assert "side" in found[1].reasons[0]
    assert found[2].parts["pose"] == 0


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((5, 2)),
        np.full((5, 2), np.nan),
        head(0, 0, 0)[[0, 1, 2, 0, 1]],
        head(0, 0, 0)[::-1],
    ],
)
def test_points_that_show_no_face(points: np.ndarray) -> None:
    pixels, face = portrait()
    with np.errstate(invalid="ignore"):
        quality = assess(pixels, but(face, points=points.astype(np.float32)))
    assert quality.parts["pose"] == 0


def test_an_unsure_finder() -> None:
    pixels, face = portrait()
    quality = assess(pixels, but(face, confidence=sum(CONFIDENCE) / 2 - 0.01))
    assert 0 < quality.parts["visibility"] < DOUBTFUL
    assert "cover" in quality.reasons[0]


def test_a_face_over_the_edge() -> None:
    pixels, face = portrait(200, 300)
    points = np.clip(face.points - [130, 0], 1, 300).astype(np.float32)
    cropped = assess(pixels[:, 130:], but(face, box=(-80, 50, 120, 250), points=points))
    assert cropped.parts["visibility"] < DOUBTFUL
    assert "40 % of the face" in " ".join(cropped.reasons)


def test_points_beyond_the_frame() -> None:
    pixels, face = portrait()
    moved = face.points.copy()
    moved[[0, 3], 0] = -5
    quality = assess(pixels, but(face, points=moved))
    assert quality.parts["visibility"] == pytest.approx(1 / 3)
    assert any("2 of its five points" in reason for reason in quality.reasons)


@pytest.mark.parametrize("box", [(50, 50, 50, 50), (0, 0, float("nan"), 9), (900, 900, 990, 990)])
def test_boxes_that_show_nothing(box: tuple) -> None:
    pixels, face = portrait()
    assert assess(pixels, but(face, box=box)).score == 0


def test_the_worst_complaint_comes_first() -> None:
    pixels, face = portrait(50)
    quality = assess(pixels // 16, face)
    assert "dark" in quality.reasons[0]
    assert "small" in quality.reasons[1]
