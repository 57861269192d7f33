"""Fits that several files look at, made once for each process."""

import pytest
from training_samples import quick_fit

from spinlock.training.fit import FitResult


@pytest.fixture(scope="session")
def automatic() -> FitResult:
    """Every backend, the best kept."""
    return quick_fit()


@pytest.fixture(scope="session")
def learned() -> FitResult:
    """The learned backend alone."""
    return quick_fit(backend="vqvae")


@pytest.fixture(scope="session")
def predictive() -> FitResult:
    """The predictive backend alone."""
    return quick_fit(backend="predictive")
