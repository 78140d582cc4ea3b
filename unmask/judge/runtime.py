"""Run bundles with ONNX Runtime: batches in, named arrays or scores out.

The provider is named and never exchanged for another one behind the caller's back. A session is
made once per bundle, thread count and provider, and the library itself is imported only then.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.errors import BundleError, ConfigError
from unmask.judge.bundle import Bundle
from unmask.types import Crop, Plane, Score

Array = npt.NDArray[np.float32]

CPU = "CPUExecutionProvider"
INPUT = "image"

BATCH = 16
"""Crops per call of the network: throughput hardly gains beyond it, memory does grow."""


LARGE = 1 << 22
"""Bytes of input above which a network does not keep the memory that it worked in."""


class Model:
    """A bundle's network, ready to run.

    Args:
        bundle: From `unmask.judge.bundle`.
        threads: For one call of the network.
        provider: Name of an ONNX Runtime execution provider.

    Attributes:
        bundle: As given.
        provider: As given, and certain to be in use.

    Raises:
        ConfigError: `bad_option` when the provider is not available here.
        BundleError: `bundle_unsupported` when the network cannot be run or is not what its card
            says; `bundle_missing` or `bundle_altered` when its file changed since it was loaded.
    """

    def __init__(self, bundle: Bundle, threads: int = 1, provider: str = CPU) -> None:
        self.bundle = bundle
        self.provider = provider
        self._session = _session(bundle, threads, provider)
        self._frugal = partial(_session, bundle, threads, provider, keep=False)
        crop = bundle.card.crop
        mean, std = np.asarray(crop.mean), np.asarray(crop.std)
        self._scale = (1 / (255 * std)).astype(np.float32)[:, None, None]
        self._shift = (-mean / std).astype(np.float32)[:, None, None]
        self._scaled = bool((self._scale != 1).any() or self._shift.any())

    def run(self, batch: npt.NDArray[np.uint8]) -> dict[str, Array]:
        """Run the network.

        Args:
            batch: RGB crops of the card's size, shape (n, height, width, 3), uint8; of any size
                when the card's options say `free_size`.

        Returns:
            Role on the card to the output's values, each with n first.

        Raises:
            ConfigError: `bad_option` for crops of another size or type than the card's.
            BundleError: `bundle_unsupported` when the network fails on them.
        """
        self._refuse_foreign(batch)
        parts = [self._part(batch[i : i + BATCH]) for i in range(0, len(batch), BATCH)]
        roles = self.bundle.card.outputs
        return {role: np.concatenate([p[i] for p in parts]) for i, role in enumerate(roles)}

    def _part(self, batch: npt.NDArray[np.uint8]) -> list[Array]:
        image = np.ascontiguousarray(batch.transpose(0, 3, 1, 2), dtype=np.float32)
        if self._scaled:
            image *= self._scale
            image += self._shift
        names = list(self.bundle.card.outputs.values())
        try:
            session = self._session if image.nbytes <= LARGE else self._frugal()
            found = session.run(names, {INPUT: image})
        except _runtime_errors() as error:
            raise _unsupported(self.bundle, f"it failed to run: {error}") from error
        return [np.asarray(values, np.float32) for values in found]

    def _refuse_foreign(self, batch: npt.NDArray[np.uint8]) -> None:
        free = bool(self.bundle.card.options.get("free_size"))
        wanted = (*(batch.shape[1:3] if free else self.bundle.card.crop.size), 3)
        if (
            batch.dtype != np.uint8
            or batch.ndim != 4
            or batch.shape[1:] != wanted
            or not len(batch)
        ):
            raise ConfigError(
                "bad_option",
                f"{self.bundle.card.name} takes uint8 crops of shape {wanted}, "
                f"not {batch.dtype} of shape {batch.shape}.",
            )


class Detector:
    """A detector: crops in, calibrated scores out.

    Args:
        bundle: Its card must have the output `logit`.
        threads: As for `Model`.
        provider: As for `Model`.

    Attributes:
        name: The bundle's.
        card: The bundle's.
        model: What it runs.

    Raises:
        ConfigError: `bad_option` for a bundle that is no detector; else as `Model`.
        BundleError: As `Model`.
    """

    def __init__(self, bundle: Bundle, threads: int = 1, provider: str = CPU) -> None:
        if not bundle.card.detects:
            raise ConfigError("bad_option", f"{bundle.card.name} is no detector: it has no logit.")
        self.name = bundle.card.name
        self.card = bundle.card
        self.model = Model(bundle, threads, provider)

    def score(
        self, faces: Sequence[Sequence[Crop]], quality: Sequence[float | None] | None = None
    ) -> list[Score | None]:
        """Score faces, each by its crops.

        Several windows of one face are averaged in logits and have no heat map.

        Args:
            faces: One entry per face: its crops by this detector's recipe. An empty entry means
                that the recipe allowed none.
            quality: Of each face, 0..1; for calibrations that are conditioned on it.

        Returns:
            One per face, in order; `None` where there was no crop.

        Raises:
            ConfigError: As `Model.run`; also when the calibration lacks a quality that it needs.
            BundleError: As `Model.run`; also when the logit is no finite number.
        """
        crops = [crop.pixels for face in faces for crop in face]
        if not crops:
            return [None] * len(faces)
        found = self.model.run(_stack(crops))
        if not np.isfinite(found["logit"]).all():
            raise _unsupported(self.model.bundle, "its logit is not a finite number")
        ends = np.cumsum([len(face) for face in faces])
        grades = [None] * len(faces) if quality is None else quality
        return [
            self._score({role: v[end - len(face) : end] for role, v in found.items()}, grade)
            for face, end, grade in zip(faces, ends, grades, strict=True)
        ]

    def _score(self, found: dict[str, Array], quality: float | None) -> Score | None:
        if not len(found["logit"]):
            return None
        raw = float(found["logit"].mean(dtype=np.float64))
        calibration = self.card.calibration
        assert calibration is not None  # the schema asks for one wherever there is a logit
        heat: Plane | None = None
        if "heat" in found and len(found["heat"]) == 1:
            heat = np.clip(np.nan_to_num(found["heat"][0]), 0, 1)
        probability = calibration.probability(raw, quality)
        return Score(self.name, raw, probability, calibration.interval(raw, quality), heat)


def _stack(crops: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    shapes = {crop.shape for crop in crops}
    if len(shapes) > 1:
        raise ConfigError("bad_option", f"The crops differ in shape: {sorted(shapes)}.")
    return np.stack(crops)


@lru_cache(maxsize=16)
def _session(bundle: Bundle, threads: int, provider: str, keep: bool = True) -> Any:
    """Open the network; the bytes that are opened are the ones that were verified.

    With `keep` it holds on to its working memory, which saves a tenth of the time: for good, and
    as much as its largest input took.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # for whoever loaded it before Unmask could turn it off
    available = onnxruntime.get_available_providers()
    if provider not in available:
        known = ", ".join(available)
        raise ConfigError("bad_option", f"There is no provider {provider!r} here. Known: {known}.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = max(1, threads)
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = keep
    # Idle threads sleep: several networks take turns on the same few cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            bundle.read(), options, providers=[provider], enable_fallback=0
        )
    except _runtime_errors() as error:
        raise _unsupported(bundle, f"it cannot be opened: {error}") from error
    if provider not in session.get_providers():
        raise ConfigError("bad_option", f"{provider} could not be started here.")
    _check_signature(bundle, session)
    return session


def _check_signature(bundle: Bundle, session: Any) -> None:
    """Refuse a network whose input and outputs are not what its card promises."""
    inputs, outputs = session.get_inputs(), {o.name: o for o in session.get_outputs()}
    if len(inputs) != 1 or inputs[0].name != INPUT or inputs[0].type != "tensor(float)":
        raise _unsupported(bundle, f"it must have one float32 input named {INPUT!r}")
    wanted = ("n", 3, *bundle.card.crop.size)
    shape = inputs[0].shape
    if len(shape) != 4 or isinstance(shape[0], int) or _differ(shape[1:], wanted[1:]):
        raise _unsupported(bundle, f"its input has shape {shape}, its card says {list(wanted)}")
    for role, name in bundle.card.outputs.items():
        if name not in outputs or outputs[name].type != "tensor(float)":
            raise _unsupported(bundle, f"it has no float32 output {name!r}")
        rank = {"logit": 1, "heat": 3}.get(role) if bundle.card.detects else None
        if rank and len(outputs[name].shape) != rank:
            raise _unsupported(bundle, f"its output {name!r} must have {rank} dimensions")


def _differ(found: Sequence[Any], wanted: Sequence[Any]) -> bool:
    return any(isinstance(f, int) and f != w for f, w in zip(found, wanted, strict=True))


def _runtime_errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises; its errors share no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = (v for v in vars(state).values() if isinstance(v, type) and issubclass(v, Exception))
    return (*kinds, RuntimeError, ValueError)


def _unsupported(bundle: Bundle, why: str) -> BundleError:
    return BundleError("bundle_unsupported", f"{bundle.card.name} cannot be used: {why}.")
