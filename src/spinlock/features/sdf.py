"""The table of all features in column order, and its registry: summary descriptors of the field, version 2.0."""

from spinlock.core.feature_table import FeatureRegistry
from spinlock.features.causality import CAUSALITY
from spinlock.features.integrated import INTEGRATED
from spinlock.features.invariant_drift import INVARIANT_DRIFT
from spinlock.features.nonlinear import NONLINEAR
from spinlock.features.operator_sensitivity import OPERATOR_SENSITIVITY
from spinlock.features.spatial import SPATIAL
from spinlock.features.spectral import SPECTRAL
from spinlock.features.temporal import TEMPORAL

VERSION = "2.0"
"""Of the definitions: a feature whose definition changes comes with another version."""

PER_TIMESTEP = SPATIAL + SPECTRAL
PER_TRAJECTORY = TEMPORAL + CAUSALITY + INVARIANT_DRIFT + OPERATOR_SENSITIVITY + NONLINEAR + INTEGRATED
SDF_FEATURES = PER_TIMESTEP + PER_TRAJECTORY

SDF = FeatureRegistry(specs=tuple(feature.spec for feature in SDF_FEATURES), version=VERSION)
"""Specs of all features; `SDF.aggregated()` are the columns of a sample's row."""

PER_TIMESTEP_NAMES = tuple(feature.name for feature in PER_TIMESTEP)
PER_TRAJECTORY_NAMES = tuple(feature.name for feature in PER_TRAJECTORY)
