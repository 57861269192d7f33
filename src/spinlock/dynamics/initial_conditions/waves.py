"""Waves: plane, crossed, round and modulated."""

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.special import exp1, j0

from spinlock.dynamics.initial_conditions.kind import Canvas, InitialCondition, count, distance_of

Field = Float[np.ndarray, "height width"]
ENVELOPE = 0.35
"""Radius at which round waves have faded to 1/e: a distance has a kink where it wraps around."""
PACKET = 0.15
"""Standard deviation of a packet's envelope in domains."""


def _plane_wave(canvas: Canvas, wanted: np.ndarray) -> Field:
    """sin of a random phase along the integer wave vector (y, x) nearest to the wanted one, never 0."""
    k = np.rint(wanted)
    if not k.any():
        k[np.argmax(np.abs(wanted))] = 1
    y, x = canvas.positions()
    return np.sin(2 * math.pi * (k[0] * y + k[1] * x + canvas.rng.random()))


def _stripes(canvas: Canvas) -> Field:
    return _plane_wave(canvas, canvas.cycles * canvas.direction())


def _crossed_waves(canvas: Canvas) -> Field:
    """Two plane waves at a right angle, added; on a line they are one."""
    wanted = canvas.cycles * canvas.direction()
    first = _plane_wave(canvas, wanted)
    return first if canvas.is_line else first + _plane_wave(canvas, np.array([wanted[1], -wanted[0]]))


def _hexagons(canvas: Canvas) -> Field:
    """Three plane waves at 60° to each other, added with phases that make a lattice of spots; one wave on a line."""
    wanted = canvas.cycles * canvas.direction()
    if canvas.is_line:
        return _plane_wave(canvas, wanted)
    turn = 2 * math.pi / 3
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    first, second = np.rint(wanted), np.rint(rotation @ wanted)
    y, x = canvas.positions()
    shift = canvas.rng.random(2)
    # Three vectors that add to 0 and one shift for all: the phases lock and the lattice is regular.
    vectors = (first, second, -first - second)
    return sum((np.cos(2 * math.pi * (k[0] * (y - shift[0]) + k[1] * (x - shift[1]))) for k in vectors), np.zeros(()))


def _rings(canvas: Canvas) -> Field:
    distance = np.hypot(*canvas.offsets())
    return np.cos(2 * math.pi * distance * canvas.cycles) * np.exp(-((distance / ENVELOPE) ** 2))


def _spiral(canvas: Canvas) -> Field:
    """cos(2πkr − mφ) around a random point, turning either way; a line shows its section."""
    dy, dx = canvas.offsets()
    distance, angle = np.hypot(dy, dx), np.arctan2(dy, dx)
    turn = 1.0 if canvas.rng.random() < 0.5 else -1.0
    core = 0.5 / canvas.cycles
    # The local wavenumber is √(k² + (m/2πr)²); its mean square between core and envelope is to be that of the length.
    turning = (canvas.detail / (math.pi * ENVELOPE)) ** 2 / 2 * float(exp1(2 * (core / ENVELOPE) ** 2))
    outward = math.sqrt(max(canvas.cycles**2 - turning, 0.25))
    phase = 2 * math.pi * (distance * outward + canvas.rng.random()) - turn * canvas.detail * angle
    # The core is faded out too: arms that meet in a point are finer than any grid.
    return np.cos(phase) * (1 - np.exp(-((distance / core) ** 2))) * np.exp(-((distance / ENVELOPE) ** 2))


def _wave_packet(canvas: Canvas) -> Field:
    """A plane wave under a Gaussian envelope of standard deviation 0.15."""
    dy, dx = canvas.offsets()
    up, along = canvas.direction() * _packet_cycles(canvas.length, canvas.is_line)
    phase = 2 * math.pi * (up * dy + along * dx + canvas.rng.random())
    return np.cos(phase) * np.exp(-(dy**2 + dx**2) / (2 * PACKET**2))


@lru_cache
def _packet_cycles(length: float, is_line: bool) -> float:
    """k with J₀(2πkℓ) exp(−ℓ²/(4s²)) = e^{-1/2}, cos on a line."""
    wave = math.cos if is_line else lambda x: float(j0(x))
    fade = math.exp(-((length / (2 * PACKET)) ** 2))
    return distance_of(lambda x: wave(min(x, 2.0)) * fade) / (2 * math.pi * length)


def _chirp(canvas: Canvas) -> Field:
    """A plane wave of `initial_count` cycles along one axis, squeezed on one side of the domain and stretched on the other."""
    y, x = canvas.positions()
    along = (x if canvas.is_line or canvas.rng.random() < 0.5 else y) + canvas.rng.random()
    phase = 2 * math.pi * canvas.detail * along + 0.6 * canvas.detail * np.sin(2 * math.pi * along)
    return np.broadcast_to(np.sin(phase + 2 * math.pi * canvas.rng.random()), canvas.shape)


def _sawtooth(canvas: Canvas) -> Field:
    """Ramps with cliffs along one axis, the cliffs smoothed over a hundredth of the domain times their number."""
    y, x = canvas.positions()
    along = (x if canvas.is_line or canvas.rng.random() < 0.5 else y) * canvas.detail + canvas.rng.random()
    place = along % 1.0 - 0.5
    width = 0.01 * canvas.detail
    sign = 1.0 if canvas.rng.random() < 0.5 else -1.0
    return np.broadcast_to(sign * (place - 0.5 * np.tanh(place / width)), canvas.shape)


WAVES = {
    "stripes": InitialCondition(draw=_stripes, low=0.03, high=0.12, description="one plane wave in a random direction"),
    "crossed_waves": InitialCondition(
        draw=_crossed_waves, low=0.03, high=0.1, description="two plane waves at a right angle: a chessboard of hills"
    ),
    "hexagons": InitialCondition(
        draw=_hexagons, low=0.03, high=0.07, description="three plane waves: a hexagonal lattice of spots"
    ),
    "rings": InitialCondition(draw=_rings, low=0.03, high=0.1, description="rings around a random point"),
    "spiral": InitialCondition(
        draw=_spiral,
        low=0.03,
        high=0.06,
        detail=count(1, 4, "Arms of the spiral."),
        description="a spiral of one to four arms around a random point",
    ),
    "wave_packet": InitialCondition(
        draw=_wave_packet, low=0.03, high=0.08, description="a few waves in one place, flat ground around"
    ),
    "chirp": InitialCondition(
        draw=_chirp, detail=count(2, 6, "Waves a domain."), description="waves that are narrow here and wide there"
    ),
    "sawtooth": InitialCondition(
        draw=_sawtooth, detail=count(1, 4, "Teeth a domain."), description="slopes that end at cliffs"
    ),
}
"""Tier 2."""
