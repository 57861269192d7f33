"""Films of the flows of `flows.py`, and the largest Lyapunov exponent of each draw.

Source of the method: G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15 (1980) 9.
"""

import numpy as np
from films import CELLS, STEPS, Films, joined, named
from flows import FLOWS, Flow, stepped

DRAWS, FILMS = 6, 4
SAVES = 12
"""Saved states a typical period: 96 are eight periods."""
SUBSTEPS = 10
APART = 1e-7
BOUNDS = {"chaotic": (0.05, np.inf), "neutral": (-0.05, 0.05), "damped": (-np.inf, -0.05)}
"""Of the exponents a period of each kind."""


def exponent(flow: Flow, parameter: np.ndarray, chance: np.random.Generator, *, periods: int = 250) -> np.ndarray:
    """Largest exponent of each parameter, per unit of time: mean growth of a small difference, set back again and again."""
    dt = flow.period / SAVES / SUBSTEPS
    start = np.array(flow.start)[:, None] + flow.spread * chance.normal(size=(len(flow.start), len(parameter)))
    z = stepped(flow.right, start, parameter, dt, 50 * SAVES * SUBSTEPS)
    away = chance.normal(size=z.shape)
    away *= APART / np.linalg.norm(away, axis=0)
    growth = np.zeros(len(parameter))
    for block in range(periods):
        both = stepped(flow.right, np.concatenate([z, z + away], 1), np.tile(parameter, 2), dt, SAVES * SUBSTEPS)
        z, other = np.split(both, 2, axis=1)
        distance = np.linalg.norm(other - z, axis=0)
        away = (other - z) * APART / distance
        if block >= periods // 5:  # until the difference points along the fastest direction
            growth += np.log(distance / APART)
    return growth / ((periods - periods // 5) * flow.period)


def smooth_fields(shape: tuple[int, ...], chance: np.random.Generator) -> np.ndarray:
    """Random fields over the last two axes with waves up to 5 along each side, unit variance."""
    waves = np.fft.fftfreq(CELLS, 1 / CELLS)
    near = np.maximum(np.abs(waves)[:, None], np.abs(waves)[None, :])
    fields = np.fft.ifft2(np.fft.fft2(chance.normal(size=shape)) * ((near > 0) & (near <= 5))).real
    return fields / fields.std(axis=(-2, -1), keepdims=True)


def films_of(name: str, flow: Flow, chance: np.random.Generator) -> Films:
    """First coordinate of every copy, in which copies start 2 to 20 % of its spread apart, another share in every film."""
    parameter = np.repeat(np.linspace(*flow.ends, DRAWS), FILMS)
    dt = flow.period / SAVES / SUBSTEPS
    centre = np.array(flow.start)[:, None] + flow.spread * chance.normal(size=(len(flow.start), len(parameter)))
    centre = stepped(flow.right, centre, parameter, dt, flow.lead_in * SAVES * SUBSTEPS)
    ahead = [centre]
    for _ in range(4 * SAVES):
        ahead.append(stepped(flow.right, ahead[-1], parameter, dt, SUBSTEPS))
    share = np.exp(chance.uniform(np.log(0.02), np.log(0.2), size=len(parameter)))[:, None, None]
    z = np.tile(centre[:, :, None, None], (1, 1, CELLS, CELLS))
    z[0] += np.std(ahead, axis=(0, 2))[0] * share * smooth_fields((len(parameter), CELLS, CELLS), chance)
    states = [z[0]]
    for _ in range(STEPS - 1):
        z = stepped(flow.right, z, parameter[:, None, None], dt, SUBSTEPS)
        states.append(z[0])
    measured = np.repeat(exponent(flow, parameter[::FILMS], chance), FILMS) * flow.period
    low, high = BOUNDS[flow.kind]
    if not ((low < measured) & (measured < high)).all():
        raise ValueError(f"exponents of {name} must be {flow.kind}, {low} to {high} a period; got {measured[::FILMS]}.")
    return named(np.stack(states, 1), name, films=FILMS, kind=flow.kind, exponent=measured)


def flows(chance: np.random.Generator) -> Films:
    """Label: the flow; a draw is its parameter; kind: the sign of the largest exponent, kept as a number a period."""
    return joined([films_of(name, flow, chance) for name, flow in FLOWS.items()])
