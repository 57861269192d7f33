"""Things in a place: bumps, fronts, vortices, cells."""

import math

import numpy as np
from jaxtyping import Float

from spinlock.dynamics.initial_conditions.kind import Canvas, InitialCondition, count, size

Field = Float[np.ndarray, "height width"]
EDGE = 0.02
"""Half width of an edge in domains."""


def _bump(canvas: Canvas, centre: np.ndarray | None = None) -> Field:
    """A Gaussian bump exp(−r²/ℓ²), whose correlation is exp(−r²/(2ℓ²))."""
    dy, dx = canvas.offsets(centre)
    return np.exp(-((dy / canvas.length) ** 2)) * np.exp(-((dx / canvas.length) ** 2))


def _blobs(canvas: Canvas) -> Field:
    heights = canvas.rng.standard_normal(int(canvas.detail))
    return sum((height * _bump(canvas) for height in heights), np.zeros(()))


def _point_seeds(canvas: Canvas) -> Field:
    return sum((_bump(canvas) for _ in range(int(canvas.detail))), np.zeros(()))


def _vortex_pair(canvas: Canvas) -> Field:
    """Two bumps of opposite sign (they travel) or of the same (they circle), four lengths apart."""
    centre, along = canvas.rng.random(2), canvas.direction()
    sign = -1.0 if canvas.rng.random() < 0.5 else 1.0
    apart = 2 * canvas.length * along
    return _bump(canvas, centre + apart) + sign * _bump(canvas, centre - apart)


def _front(canvas: Canvas) -> Field:
    """A band across the domain, with edges of a fiftieth of the domain."""
    dy, dx = canvas.offsets()
    across = dx + 0 * dy if canvas.is_line or canvas.rng.random() < 0.5 else dy + 0 * dx
    return np.tanh((canvas.detail / 2 - np.abs(across)) / EDGE)


def _disc(canvas: Canvas) -> Field:
    return np.tanh((canvas.detail - np.hypot(*canvas.offsets())) / EDGE)


def _shear_layer(canvas: Canvas) -> Field:
    """Vorticity of two opposite streams: thin wavy sheets of either sign, half a domain apart.

    ω = sech²((y − y₁)/δ) − sech²((y − y₂)/δ) with y₁, y₂ displaced by waves of one to three cycles.
    Source: Bell, Colella & Glaz (1989), J. Comput. Phys. 85, 257, section 4.
    """
    dy, dx = canvas.offsets()
    rotated = canvas.rng.random() < 0.5
    across, along = (dx, dy) if canvas.is_line or rotated else (dy, dx)
    waves = canvas.rng.integers(1, 4, size=2)
    phases = canvas.rng.random(2)
    sheets = []
    for place, number, phase in zip((-0.25, 0.25), waves, phases, strict=True):
        displaced = across - place - 0.03 * np.sin(2 * math.pi * (number * along + phase))
        wrapped = (displaced + 0.5) % 1.0 - 0.5
        sheets.append(1 / np.cosh(wrapped / canvas.detail) ** 2)
    return np.broadcast_to(sheets[0] - sheets[1], canvas.shape)


def _cells(canvas: Canvas) -> Field:
    """Voronoi cells of random points, each with a value of its own."""
    values = canvas.rng.standard_normal(int(canvas.detail))
    # An infinite distance would need the shape at the start.
    nearest, field = np.full(canvas.shape, 9.0), np.zeros(canvas.shape)
    for value in values:
        dy, dx = canvas.offsets()
        squared = dy**2 + dx**2
        field = np.where(squared < nearest, value, field)
        nearest = np.minimum(nearest, squared)
    return field


STRUCTURES = {
    "blobs": InitialCondition(
        draw=_blobs,
        low=0.05,
        high=0.1,
        detail=count(20, 60, "Bumps."),
        description="Gaussian bumps of either sign",
    ),
    "point_seeds": InitialCondition(
        draw=_point_seeds,
        low=0.05,
        high=0.1,
        detail=count(3, 10, "Bumps."),
        description="three to ten high spots on a flat ground",
    ),
    "vortex_pair": InitialCondition(
        draw=_vortex_pair, low=0.03, high=0.08, description="two bumps near each other, of equal or opposite sign"
    ),
    "front": InitialCondition(
        draw=_front,
        detail=size(1 / 3, 1 / 2, "Width of the band."),
        description="a high band with sharp edges across the domain",
    ),
    "disc": InitialCondition(
        draw=_disc, detail=size(0.1, 0.35, "Radius of the disc."), description="one high disc with a sharp edge"
    ),
    "shear_layer": InitialCondition(
        draw=_shear_layer,
        detail=size(0.03, 0.1, "Half thickness of a sheet."),
        description="two wavy sheets of opposite sign",
    ),
    "cells": InitialCondition(
        draw=_cells, detail=count(6, 40, "Cells."), description="a patchwork of flat cells with sharp borders"
    ),
}
"""Tier 3."""
