"""Small blocks of samples with known values, for the tests of files."""

import numpy as np

from spinlock.core.feature_table import FeatureRegistry, FeatureSpec
from spinlock.store.dataset_layout import DatasetBlock, DatasetDescription, ParameterColumn

REALIZATIONS, TIMES, SIDE = 2, 5, 4

REGISTRY = FeatureRegistry(
    specs=(
        FeatureSpec(name="roughness", category="spatial", scope="per_timestep"),
        FeatureSpec(name="centroid", category="spectral", scope="per_timestep"),
        FeatureSpec(name="decay_rate", category="temporal", unit="1/time", scope="per_trajectory"),
        FeatureSpec(name="speed", category="causality", unit="length/time", scope="per_trajectory"),
    ),
    version="2.0",
)

PARAMETERS = (
    ParameterColumn(name="wave.speed", unit="length/time", low=0.5, high=2.0),
    ParameterColumn(name="spots.kind", choices=("mitosis", "coral")),
)

DESCRIPTION = DatasetDescription(
    registry=REGISTRY,
    parameters=PARAMETERS,
    configuration={"num_samples": 7, "systems": {"wave": 1, "spots": 1}},
    seed=11,
    software={"spinlock": "0.1.0"},
    sampling_report={"discrepancy": 0.01},
    channel_names={"wave": ("height",), "spots": ("u", "v")},
)


def sample_block(first: int, count: int, *, states: bool = False, dtype: type = np.float32) -> DatasetBlock:
    """Samples `first` … of a data set in which a sample's values depend on its number alone."""
    index = np.arange(first, first + count, dtype=np.int64)
    generators = [np.random.default_rng(int(i)) for i in index]
    fields = np.stack([g.normal(size=(REALIZATIONS, TIMES, 2, SIDE, SIDE)) for g in generators]).astype(dtype)
    system = tuple("wave" if i % 2 else "spots" for i in index)
    num_channels = np.array([1 if name == "wave" else 2 for name in system])
    for row, channels in enumerate(num_channels):
        fields[row, :, :, channels:] = np.nan
    diverged_at = np.where((index[:, None] % 5 == 4) & (np.arange(REALIZATIONS) == 1), 3, -1)
    for row, realization in zip(*np.nonzero(diverged_at >= 0), strict=True):
        fields[row, realization, 3:] = np.nan
    per_trajectory = np.stack([g.normal(size=(REALIZATIONS, 2)) for g in generators]).astype(np.float32)
    per_trajectory[diverged_at >= 0] = np.nan
    return DatasetBlock(
        index=index,
        system=system,
        group=index // 2,
        params=np.array([[1.0 + i, np.nan] if i % 2 else [np.nan, i % 4 // 2] for i in index]),
        initial_condition=tuple("white_noise" if i % 3 else "blobs" for i in index),
        dt=np.full(count, 0.1),
        dx=np.full(count, 0.25),
        num_channels=num_channels,
        inputs=np.ascontiguousarray(fields[:, 0, 0].astype(np.float32)),
        per_timestep=np.stack([g.normal(size=(TIMES, 2)) for g in generators]).astype(np.float32),
        per_trajectory=per_trajectory,
        aggregated=np.stack([g.normal(size=6) for g in generators]).astype(np.float32),
        valid=diverged_at < 0,
        diverged_at=diverged_at,
        dead_at=np.where((index[:, None] % 7 == 3) & (diverged_at < 0), 2, -1),
        frozen_at=np.where((index[:, None] % 7 == 2) & (diverged_at < 0), 1, -1),
        redraws=index % 3,
        cut=index % 2,
        outputs=fields if states else None,
        extent=np.array([[REALIZATIONS, TIMES, channels, SIDE, SIDE] for channels in num_channels]),
    )
