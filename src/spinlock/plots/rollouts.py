"""Pictures of rollouts: small animations, and a sheet of still frames."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image

from spinlock.core.errors import InputError
from spinlock.plots.theme import MUTED, label_width, shortened, styled

MAX_FRAMES = 20
LOSSLESS_UP_TO = 24_000
STRIP_FRAMES, STRIP_CELLS = 8, 32
"""Of a film strip: frames, and most cells along a side."""
_COLOURS = "magma"
_CELL, _TITLE_HEIGHT = 0.95, 0.28


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GalleryRollout:
    """One channel of one realization, to be shown as an animation.

    Attributes:
        title: for example the system's name.
        caption: what tells it from others, for example the sample's id.
        frames: real values.
    """

    title: str
    caption: str
    frames: Float[np.ndarray, "time height width"]


def coloured(frames: Float[np.ndarray, "time height width"]) -> UInt8[np.ndarray, "time height width 3"]:
    """Frames as colours, dark at the smallest value of all frames and bright at the largest; a NaN is grey."""
    known = np.isfinite(frames)
    low, high = (float(frames[known].min()), float(frames[known].max())) if known.any() else (0.0, 0.0)
    scaled = np.where(known, (frames - low) / ((high - low) or 1.0), 0.0)
    colours = (colormaps[_COLOURS](scaled)[..., :3] * 255).round().astype(np.uint8)
    colours[~known] = 128
    return colours


def chosen_frames(num_frames: int, *, at_most: int = MAX_FRAMES) -> list[int]:
    """Evenly spaced frame numbers from the first to the last."""
    return np.unique(np.linspace(0, num_frames - 1, min(num_frames, at_most)).round().astype(int)).tolist()


def animation(
    frames: Float[np.ndarray, "time height width"],
    *,
    size: int = 128,
    milliseconds: int = 110,
    lossless_up_to: int = LOSSLESS_UP_TO,
) -> bytes:
    """An endless animated WebP of at most 20 evenly spaced frames.

    The colours span the values of the frames that are shown. Pixels are repeated, not blurred: a grid of 32 becomes
    exactly `size` wide where that is a multiple, the next multiple otherwise. Lossless while that takes few bytes, else
    at quality 80 where that is smaller (it is not for white noise).

    Args:
        frames: one channel of one realization.
        size: of the longer side, in pixels.
        milliseconds: a frame is shown for.
        lossless_up_to: bytes.

    Raises:
        InputError: if there is no frame.
    """
    if not frames.size:
        raise InputError(f"an animation needs at least one frame with pixels; got the shape {tuple(frames.shape)}.")
    images = _images(frames[chosen_frames(len(frames))], size)
    lossless = _webp(images, milliseconds, lossless=True)
    if len(lossless) <= lossless_up_to:
        return lossless
    return min(lossless, _webp(images, milliseconds, lossless=False), key=len)


def still(frames: Float[np.ndarray, "time height width"], *, size: int = 128) -> bytes:
    """The last frame as a WebP, in the colours that the animation gives it."""
    return _webp(_images(frames[chosen_frames(len(frames))], size)[-1:], 0, lossless=True)


def film_strip(frames: Float[np.ndarray, "time height width"]) -> bytes:
    """Evenly spaced frames side by side in one small WebP, which a page plays by moving it: for a thousand of them.

    Always of 8 frames, the last one repeated where there are fewer, of at most 32 cells a side, at quality 50 or, where
    that is smaller, lossless.

    Args:
        frames: one channel of one realization; at least one.
    """
    step = -(-max(frames.shape[1:]) // STRIP_CELLS)
    numbers = chosen_frames(len(frames), at_most=STRIP_FRAMES)
    numbers += numbers[-1:] * (STRIP_FRAMES - len(numbers))
    strip = Image.fromarray(np.concatenate(coloured(frames[numbers, ::step, ::step]), axis=1))
    return min(_webp([strip], 0, lossless=True), _webp([strip], 0, lossless=False, quality=50), key=len)


@styled
def contact_sheet(
    rollouts: Sequence[Float[np.ndarray, "time height width"]], labels: Sequence[str], *, num_times: int = 6
) -> Figure:
    """One row a rollout, its frames at evenly spaced times from left to right, each row in its own colour scale."""
    names = ["\n".join(shortened(line) for line in label.split("\n")) for label in labels]
    left = label_width(names)
    width, height = left + _CELL * num_times, _TITLE_HEIGHT + _CELL * len(rollouts)
    figure = Figure(figsize=(width, height))
    grid = figure.subplots(len(rollouts), num_times, squeeze=False)
    figure.subplots_adjust(
        left=left / width, right=1, bottom=0, top=1 - _TITLE_HEIGHT / height, wspace=0.05, hspace=0.05
    )
    for row, (frames, label) in enumerate(zip(rollouts, names, strict=True)):
        times = np.linspace(0, len(frames) - 1, num_times).round().astype(int)
        for axes, time, image in zip(grid[row], times, coloured(frames[times]), strict=True):
            axes.imshow(image, interpolation="none")
            axes.set_axis_off()
            if row == 0:
                axes.set_title(
                    f"{time / max(len(frames) - 1, 1):.0%}".replace("%", " %"),
                    fontsize=8.5,
                    color=MUTED,
                    loc="center",
                    pad=3,
                )
        grid[row, 0].text(-0.08, 0.5, label, transform=grid[row, 0].transAxes, ha="right", va="center", fontsize=8.5)
    return figure


def _images(frames: Float[np.ndarray, "time height width"], size: int) -> list[Image.Image]:
    factor = max(1, -(-size // max(frames.shape[1:])))
    colours = coloured(frames).repeat(factor, axis=1).repeat(factor, axis=2)
    return [Image.fromarray(image) for image in colours]


def _webp(images: Sequence[Image.Image], milliseconds: int, *, lossless: bool, quality: int = 80) -> bytes:
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        format="WEBP",
        save_all=len(images) > 1,
        append_images=list(images[1:]),
        duration=milliseconds,
        loop=0,
        lossless=lossless,
        quality=quality,
        method=2,
    )
    return buffer.getvalue()
