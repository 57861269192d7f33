"""Inner products of frames: the same from the matrix and from the frames, and memory that grows with the time alone."""

import pytest
import torch
from feature_samples import smooth

from spinlock.core.rollout import Rollout
from spinlock.features import frame_products, series_kernels, series_scaling
from spinlock.features.extract import extract_rollout
from spinlock.features.sdf import PER_TRAJECTORY_NAMES

SHAPES = [(1, 16, 16), (2, 1, 40), (3, 1, 1)]


def described(states, **facts):
    rollout = Rollout(states=states, system="x", dt=0.1, channel_names=tuple("abc"[: states.shape[2]]), **facts)
    return extract_rollout(rollout, per_timestep=()).per_trajectory


@pytest.mark.parametrize(("shape", "periodic"), [(SHAPES[0], False), (SHAPES[1], True), (SHAPES[2], True)], ids=str)
def test_long_runs_have_the_features_of_short_ones(shape, periodic, monkeypatch):
    states = smooth(2, 64, *shape, dtype=torch.float64).cumsum(1)
    short = described(states, periodic=periodic)
    monkeypatch.setattr(frame_products, "LONGEST_MATRIX", 10)
    monkeypatch.setattr(frame_products, "CHUNK_VALUES", 500)
    monkeypatch.setattr(series_kernels, "MOST_IN_WINDOWS", 10)
    monkeypatch.setattr(series_scaling, "MOST_VALUES", 500)
    long = described(states, periodic=periodic)
    for place, name in enumerate(PER_TRAJECTORY_NAMES):
        torch.testing.assert_close(
            long[:, place], short[:, place], rtol=1e-5, atol=1e-8, equal_nan=True, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_the_memory_of_a_long_run_is_less_than_a_matrix_of_its_times():
    # 30 000 steps: a matrix of their products takes 7.2 GB, which no test machine would give twice.
    resource = pytest.importorskip("resource")
    walk = torch.randn((1, 30_000, 3, 1, 1), generator=torch.Generator().manual_seed(0)).cumsum(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    values = described((0.1 * walk).sin())
    assert int(values.isfinite().sum()) > 50
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700 * 1024
