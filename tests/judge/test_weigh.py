import tracemalloc

import numpy as np
import pytest

from unmask.judge.abstain import REASONS
from unmask.judge.card import Card
from unmask.judge.conformal import UNKNOWN, Bounds, Promise
from unmask.judge.fuse import Fusion
from unmask.judge.odds import logit, sigmoid
from unmask.judge.weigh import PREVIEW_SIDE, Judged, Opinion, Weigher, weighed
from unmask.judge.weigh import opinion as voiced
from unmask.types import Crop, Face, Fact, Finding, Frame, Media, Quality, Score

THRESHOLD = 0.7
GOOD = dict.fromkeys(["size", "sharpness", "exposure", "pose", "visibility"], 1.0)
PIXELS = np.full((90, 120, 3), 80, np.uint8)


def media(kind: str = "image", **more) -> Media:
    return Media("in/file", kind, "ab" * 32, "JPEG", 120, 90, **more)


def face(side: float = 40, track: int = 0, **parts: float) -> Face:
    told = tuple(f"The {name} is poor." for name in parts)
    quality = Quality(min((GOOD | parts).values()), side, GOOD | parts, told)
    points = np.zeros((5, 2), np.float32)
    return Face((10, 10, 10 + side, 10 + side), 0.9, points, track=track, quality=quality)


def opinion(
    p: float | None, half: float = 0.2, name: str = "a", outside: float = 0.0, heat=None
) -> Opinion:
    if p is None:
        return Opinion((), None)
    z = float(logit(p))
    interval = (float(sigmoid(z - half)), float(sigmoid(z + half)))
    crop = Crop(np.full((32, 32, 3), 9, np.uint8), np.eye(2, 3), outside)
    return Opinion((crop,), Score(name, z, p, interval, heat))


def photo(*judged: Judged, **more) -> Finding:
    weigher = Weigher(media(**more), THRESHOLD)
    weigher.add(Frame(PIXELS), judged)
    return weigher.finish()


def video(frames: list[list[Judged]], rate: float = 4.0) -> Finding:
    weigher = Weigher(media("video", duration=len(frames) / rate), THRESHOLD)
    for i, judged in enumerate(frames):
        weigher.add(Frame(PIXELS, i, i / rate), judged)
    return weigher.finish()


def test_over_the_threshold() -> None:
    found = photo(Judged(face(), (opinion(0.9),)))
    assert found.verdict == "likely_manipulated"
    assert found.probability == pytest.approx(0.9)
    assert found.interval == pytest.approx(opinion(0.9).score.interval)
    assert found.reasons == found.notes == ()
    assert (found.path, found.kind, found.sha256) == ("in/file", "image", "ab" * 32)
    assert found.media == media()
    assert found.segments == ()
    assert found.error is None


def test_clearly_under_the_threshold() -> None:
    assert photo(Judged(face(), (opinion(0.2),))).verdict == "no_evidence"


def test_under_but_not_clearly() -> None:
    assert photo(Judged(face(), (opinion(0.6, half=1.0),))).verdict == "inconclusive"


def test_no_face_is_a_finding() -> None:
    found = photo()
    assert (found.verdict, found.probability, found.interval) == ("inconclusive", None, None)
    assert found.reasons == ("no_face",)
    assert found.notes == (REASONS["no_face"],)
    assert found.faces == ()
    assert found.preview is not None


def test_two_detectors_are_fused() -> None:
    found = photo(Judged(face(), (opinion(0.6, name="a"), opinion(0.7, name="b"))))
    odds = (0.6 / 0.4) * (0.7 / 0.3)
    assert found.probability == pytest.approx(odds / (1 + odds))
    assert [s.detector for s in found.faces[0].scores] == ["a", "b"]


def test_the_fusion_is_used() -> None:
    weigher = Weigher(media(), THRESHOLD, Fusion({"a": 1.0, "b": 0.0}))
    judged = Judged(face(), (opinion(0.6, name="a"), opinion(0.99, name="b")))
    weigher.add(Frame(PIXELS), [judged])
    assert weigher.finish().probability == pytest.approx(0.6)


def test_the_worst_face_decides() -> None:
    faces = [Judged(face(40 - i), (opinion(p),)) for i, p in enumerate([0.1, 0.8, 0.3])]
    found = photo(*faces)
    assert found.verdict == "likely_manipulated"
    assert found.probability == pytest.approx(0.8)
    assert [e.probability for e in found.faces] == pytest.approx([0.1, 0.8, 0.3])


def test_every_face_must_be_clear() -> None:
    found = photo(Judged(face(), (opinion(0.5),)), Judged(face(30), (opinion(0.3, half=2.0),)))
    assert found.probability == pytest.approx(0.5)
    assert found.verdict == "inconclusive"


def test_a_strong_doubt_keeps_from_clearing_and_from_convicting() -> None:
    blurred = face(sharpness=0.2)
    clean = photo(Judged(blurred, (opinion(0.1),)))
    assert (clean.verdict, clean.reasons) == ("inconclusive", ("too_blurred",))
    assert photo(Judged(blurred, (opinion(0.9),))).verdict == "inconclusive"


def test_a_tiny_face_behind_does_not_speak_for_the_one_in_front() -> None:
    behind = face(sharpness=0.2)
    both = photo(Judged(face(80), (opinion(0.1),)), Judged(behind, (opinion(0.99),)))
    assert (both.verdict, both.probability) == ("no_evidence", pytest.approx(0.1))


def test_a_mild_doubt_is_told() -> None:
    found = photo(Judged(face(sharpness=0.4), (opinion(0.1),)))
    assert (found.verdict, found.reasons) == ("no_evidence", ("too_blurred",))
    assert found.faces[0].reasons == ("The sharpness is poor.",)


def test_a_useless_face_is_not_scored_whatever_a_detector_said() -> None:
    found = photo(Judged(face(pose=0.0), (opinion(0.99),)))
    assert (found.verdict, found.probability) == ("inconclusive", None)
    assert found.reasons == ("all_abstained", "extreme_pose")
    assert found.faces[0].scores == ()
    assert found.faces[0].probability is None


def test_a_face_too_small_for_one_detector_is_left_to_the_other() -> None:
    found = photo(Judged(face(), (opinion(None), opinion(0.9, name="b"))))
    assert found.verdict == "likely_manipulated"
    assert found.reasons == ("partly_judged",)
    assert found.faces[0].reasons == (REASONS["partly_judged"],)


def test_a_face_too_small_for_all() -> None:
    found = photo(Judged(face(), (opinion(None), opinion(None))))
    assert found.probability is None
    assert found.reasons == ("all_abstained", "outside_domain")


def test_a_crop_beyond_the_frame() -> None:
    told = photo(Judged(face(), (opinion(0.1, outside=0.2),)))
    assert (told.verdict, told.reasons) == ("no_evidence", ("outside_frame",))
    refused = photo(Judged(face(), (opinion(0.1, outside=0.5),)))
    assert refused.reasons == ("all_abstained", "outside_frame")


def test_clearing_the_background_does_not_clear_the_main_face() -> None:
    found = photo(Judged(face(60, pose=0.0)), Judged(face(30), (opinion(0.1),)))
    assert found.verdict == "inconclusive"
    assert found.reasons == ("largest_abstained", "extreme_pose")


def test_a_poor_face_in_the_background_does_not_matter() -> None:
    found = photo(
        Judged(face(60), (opinion(0.3),)), Judged(face(25, sharpness=0.1), (opinion(0.1),))
    )
    assert (found.verdict, found.reasons) == ("no_evidence", ())


def test_the_file_itself_can_be_a_reason() -> None:
    facts = (Fact("jpeg.quality", 10),)
    found = photo(Judged(face(), (opinion(0.1),)), facts=facts)
    assert (found.verdict, found.reasons) == ("inconclusive", ("heavy_compression",))
    mild = photo(Judged(face(), (opinion(0.1),)), facts=(Fact("jpeg.quality", 35),))
    assert (mild.verdict, mild.reasons) == ("no_evidence", ("heavy_compression",))


def test_reasons_come_in_a_fixed_order_and_match_their_notes() -> None:
    found = photo(Judged(face(visibility=0.4, size=0.3, pose=0.3), (opinion(0.1),)))
    assert found.reasons == ("face_too_small", "extreme_pose", "occluded")
    assert found.notes == tuple(REASONS[code] for code in found.reasons)


def test_a_face_without_quality_is_judged() -> None:
    bare = Face((0, 0, 9, 9), 0.9, np.zeros((5, 2), np.float32))
    evidence, doubts = weighed(Judged(bare, (opinion(0.4),)), None)
    assert evidence.probability == pytest.approx(0.4)
    assert doubts == []


def test_the_forged_half_of_a_video() -> None:
    found = video([[Judged(face(), (opinion(0.95 if i >= 20 else 0.05),))] for i in range(40)])
    assert found.verdict == "likely_manipulated"
    assert found.probability == pytest.approx(0.95)
    (segment,) = found.segments
    assert segment.start == pytest.approx(5, abs=0.5)
    assert segment.end == pytest.approx(10, abs=0.2)
    assert len(found.faces) == 40
    assert [e.time for e in found.faces] == [i / 4 for i in range(40)]


def test_one_wild_frame_does_not_convict_a_video() -> None:
    found = video([[Judged(face(), (opinion(0.99 if i == 7 else 0.1),))] for i in range(40)])
    assert found.verdict == "no_evidence"
    assert found.segments == ()


def test_people_are_followed_apart() -> None:
    def both(i: int) -> list[Judged]:
        return [Judged(face(track=0), (opinion(0.05),)), Judged(face(30, 1), (opinion(0.9),))]

    found = video([both(i) for i in range(20)])
    assert found.verdict == "likely_manipulated"
    assert {segment.track for segment in found.segments} == {1}
    assert len(found.faces) == 40


def test_a_glimpse_neither_convicts_nor_lets_clear() -> None:
    frames = [[Judged(face(60), (opinion(0.05),))] for _ in range(20)]
    for i in (3, 4):
        frames[i] = [*frames[i], Judged(face(30, track=1), (opinion(0.95),))]
    found = video(frames)
    assert found.verdict == "inconclusive"
    assert found.reasons == ("few_frames",)
    assert found.probability == pytest.approx(0.95)


def test_when_few_frames_were_asked_for_they_may_convict() -> None:
    assert video([[Judged(face(), (opinion(0.95),))]] * 2).verdict == "likely_manipulated"
    found = video([[Judged(face(), (opinion(0.05),))]] * 2)
    assert (found.verdict, found.reasons) == ("inconclusive", ("few_frames",))


def test_doubts_of_a_video_must_hold_half_the_time() -> None:
    seldom = [[Judged(face(pose=0.1 if i < 9 else 1.0), (opinion(0.1),))] for i in range(20)]
    often = [[Judged(face(pose=0.1 if i < 11 else 1.0), (opinion(0.1),))] for i in range(20)]
    assert (video(seldom).verdict, video(seldom).reasons) == ("no_evidence", ())
    assert (video(often).verdict, video(often).reasons) == ("inconclusive", ("extreme_pose",))


def test_a_video_in_which_nobody_could_be_judged() -> None:
    found = video([[Judged(face(sharpness=0.0))] for _ in range(5)])
    assert (found.verdict, found.probability) == ("inconclusive", None)
    assert found.reasons == ("all_abstained", "too_blurred")


def test_frames_without_a_face_are_examined_frames() -> None:
    frames: list[list[Judged]] = [[] for _ in range(30)]
    frames[10] = [Judged(face(), (opinion(0.95),))]
    found = video(frames)
    assert (found.verdict, found.reasons) == ("inconclusive", ("few_frames",))


def test_crops_are_shown_with_their_heat() -> None:
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 2.0
    found = photo(Judged(face(), (opinion(0.5), opinion(0.9, name="b", heat=heat))))
    (evidence,) = found.faces
    assert evidence.crop.pixels.shape == (32, 32, 3)
    assert evidence.heat.shape == (32, 32)
    assert evidence.heat.max() == 1
    assert np.unravel_index(evidence.heat.argmax(), (32, 32))[0] in range(8, 16)


def test_without_heat_the_face_is_shown_in_its_surroundings() -> None:
    (evidence,) = photo(Judged(face(), (opinion(0.5),))).faces
    assert evidence.crop.pixels.shape == (192, 192, 3)
    assert evidence.heat is None
    (nothing,) = photo(Judged(face(side=0), (opinion(0.5),))).faces
    assert nothing.crop is None


def test_the_preview_is_the_strongest_frame_made_small() -> None:
    weigher = Weigher(media("video", duration=3.0), THRESHOLD)
    for i, p in enumerate([0.2, 0.8, 0.4]):
        pixels = np.full((800, 1600, 3), 50 * i, np.uint8)
        weigher.add(Frame(pixels, i, float(i)), [Judged(face(), (opinion(p),))])
    preview = weigher.finish().preview
    assert preview.shape == (PREVIEW_SIDE // 2, PREVIEW_SIDE, 3)
    assert (preview == 50).all()
    assert np.array_equal(photo().preview, PIXELS)


def test_memory_does_not_grow_with_length() -> None:
    def peak(seconds: int) -> int:
        weigher = Weigher(media("video", duration=float(seconds)), THRESHOLD)
        heat = np.zeros((16, 16), np.float32)
        tracemalloc.start()
        for i in range(seconds * 15):
            p = 0.5 + 0.4 * np.sin(i / 50)
            judged = [Judged(face(), (opinion(float(p), heat=heat),))]
            weigher.add(Frame(PIXELS, i, i / 15), judged)
        weigher.finish()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(90) - peak(30) < 2e6


def promised(*judged: Judged, bounds: Bounds, threshold: float = THRESHOLD, **alone: Bounds):
    """The finding about a photo under a promise for detector a, and others by name."""
    fusion = Fusion({"a": 1.0, "b": 1.0})
    made = Promise(0.1, UNKNOWN, {"a": bounds} | alone)
    weigher = Weigher(media(), threshold, fusion, promise=made)
    weigher.add(Frame(PIXELS), judged)
    return weigher.finish()


@pytest.mark.parametrize(
    ("p", "bounds", "verdict"),
    [
        (0.9, Bounds(0.8, 0.3), "likely_manipulated"),
        (0.1, Bounds(0.8, 0.3), "no_evidence"),
        (0.75, Bounds(0.8, 0.3), "inconclusive"),  # both are left
        (0.4, Bounds(0.8, 0.3), "inconclusive"),
        (0.5, Bounds(0.2, 0.9), "inconclusive"),  # neither is
        (0.75, Bounds(0.8, 0.77), "inconclusive"),  # the other one is
    ],
)
def test_an_answer_must_keep_the_promise(p: float, bounds: Bounds, verdict: str) -> None:
    found = promised(Judged(face(), (opinion(p),)), bounds=bounds)
    assert found.verdict == verdict
    assert found.probability == pytest.approx(p)
    assert found.reasons == (("undecided",) if verdict == "inconclusive" else ())
    assert found.notes == tuple(REASONS[code] for code in found.reasons)


def test_what_was_open_anyway_is_not_blamed_on_the_promise() -> None:
    found = promised(Judged(face(sharpness=0.2), (opinion(0.5),)), bounds=Bounds(0.8, 0.3))
    assert (found.verdict, found.reasons) == ("inconclusive", ("too_blurred",))
    assert promised(bounds=Bounds(0.8, 0.3)).reasons == ("no_face",)


def test_one_face_in_doubt_keeps_a_photo_from_being_cleared() -> None:
    first, second = Judged(face(60), (opinion(0.1),)), Judged(face(30), (opinion(0.4),))
    found = promised(first, second, bounds=Bounds(0.8, 0.3))
    assert (found.verdict, found.reasons) == ("inconclusive", ("undecided",))


def test_one_certain_face_convicts_beside_one_in_doubt() -> None:
    first, second = Judged(face(60), (opinion(0.4),)), Judged(face(30), (opinion(0.9),))
    assert promised(first, second, bounds=Bounds(0.8, 0.3)).verdict == "likely_manipulated"


def test_a_face_judged_by_one_of_two_is_held_to_that_ones_promise() -> None:
    judged = Judged(face(), (opinion(None), opinion(0.9, name="b")))
    known = promised(judged, bounds=Bounds(0.8, 0.3), b=Bounds(0.85, 0.2))
    assert (known.verdict, known.reasons) == ("likely_manipulated", ("partly_judged",))
    unknown = promised(judged, bounds=Bounds(0.8, 0.3))
    assert (unknown.verdict, unknown.reasons) == ("inconclusive", ("partly_judged", "undecided"))


def test_a_video_keeps_the_most_cautious_of_its_promises() -> None:
    alone = {"a": Bounds(0.8, 0.3), "b": Bounds(0.97, 0.3)}
    made, fusion = Promise(0.1, UNKNOWN, alone), Fusion({"a": 1.0, "b": 1.0})
    for names, verdict in (("aaaa", "likely_manipulated"), ("aaab", "inconclusive")):
        weigher = Weigher(media("video", duration=1.0), THRESHOLD, fusion, promise=made)
        for i, name in enumerate(names):
            judged = Judged(face(), (opinion(0.95, name=name),))
            weigher.add(Frame(PIXELS, i, i / 4), [judged])
        assert weigher.finish().verdict == verdict


FAMILIAR = {"features": ["pose"], "mean": [1.0], "precision": [[100]], "threshold": 1, "factor": 8}


def test_an_unfamiliar_face_widens_the_doubt(tiny_card) -> None:
    card = Card.of(tiny_card(b"x", domain=FAMILIAR))
    plain = opinion(0.4)

    def heard(**parts: float) -> Finding:
        seen = face(**parts)
        return photo(Judged(seen, (voiced(card, seen, plain.crops, plain.score),)))

    usual, odd = heard(), heard(pose=0.8)
    assert (usual.verdict, usual.reasons) == ("no_evidence", ())
    assert usual.interval == pytest.approx(plain.score.interval)
    assert (odd.verdict, odd.reasons) == ("inconclusive", ("unfamiliar",))
    assert odd.probability == pytest.approx(usual.probability)
    assert logit(odd.interval[1]) - logit(0.4) == pytest.approx(8 * 0.2)
    assert REASONS["unfamiliar"] in odd.faces[0].reasons


def test_where_nothing_is_stated_nothing_is_doubted(tiny_card) -> None:
    plain, bare = opinion(0.4), Card.of(tiny_card(b"x"))
    assert voiced(bare, face(pose=0.8), plain.crops, plain.score) == plain
    stated = Card.of(tiny_card(b"x", domain=FAMILIAR))
    assert voiced(stated, face(pose=0.8), (), None) == opinion(None)


def test_who_judges_alone_is_held_to_its_own_threshold() -> None:
    fitted = Fusion({"a": 1.0, "b": 1.0})
    verdicts = {}
    for own in (0.7, 0.95):
        weigher = Weigher(media(), 0.9, fitted, alone={"a": own, "b": 0.2})
        weigher.add(Frame(PIXELS), [Judged(face(), (opinion(0.8), opinion(None)))])
        verdicts[own] = weigher.finish().verdict
    assert verdicts[0.7] == "likely_manipulated"
    assert verdicts[0.95] != "likely_manipulated"


@pytest.mark.parametrize("probability", [0.05, 0.69, 0.71, 0.99])
def test_what_a_lonely_detector_does_not_see_changes_the_number_and_no_verdict(
    probability: float,
) -> None:
    found = []
    for unseen in ({}, {"a": 0.5}):
        fitted = Fusion({"a": 1.0, "b": 1.0}, unseen=unseen)
        weigher = Weigher(media(), 0.9, fitted, alone={"a": 0.7, "b": 0.2})
        weigher.add(Frame(PIXELS), [Judged(face(), (opinion(probability), opinion(None)))])
        found.append(weigher.finish())
    plain, humble = found
    assert plain.probability == pytest.approx(probability)
    odds = probability / (1 - probability)
    assert humble.probability == pytest.approx((odds + 1) / (odds + 3))
    assert humble.verdict == plain.verdict


def test_who_judges_together_is_held_to_the_fused_threshold() -> None:
    weigher = Weigher(media(), 0.9, Fusion({"a": 1.0, "b": 1.0}), alone={"a": 0.6, "b": 0.6})
    weigher.add(Frame(PIXELS), [Judged(face(), (opinion(0.7), opinion(0.7, name="b")))])
    found = weigher.finish()
    assert found.probability == pytest.approx(0.845, abs=0.001)
    assert found.verdict != "likely_manipulated"
