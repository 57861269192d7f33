"""Fit the predictive quantiser: codebooks that are given, and the regressions that decode all categories together."""

import logging
from dataclasses import replace

import torch

from spinlock.training.rows import Rows, TrainingData, masked_mse, mixed_pool
from spinlock.training.settings import TrainingSettings
from spinlock.vqvae.classical import ClassicalBackend
from spinlock.vqvae.predictive.backend import PredictiveBackend
from spinlock.vqvae.predictive.joint_decoder import JointDecoder, fit_joint_decoder, no_correction

log = logging.getLogger(__name__)

PENALTIES = ((0.01, 1e-3), (0.03, 1e-3), (0.1, 1e-3), (0.1, 1e-2), (0.3, 1e-2), (0.3, 1e-1))
"""Of the linear part and of the kernel part; validation rows choose a pair, or no correction."""
KERNEL_WIDTH = 0.3
POOL_ROWS, MOST_POOL_ROWS, COPIES = 8000, 32_000, 4
"""Rows that the decoders are fitted to, mixed copies of the training rows: so many, and of each row so many where that is
at most the second number."""


@torch.no_grad()
def fit_predictive(own: ClassicalBackend, data: TrainingData, *, settings: TrainingSettings) -> PredictiveBackend:
    """The predictive backend on these codebooks, its decoders chosen by validation rows.

    Args:
        own: codebooks and search.
        data: rows to regress on, after mixing with neighbours, and rows that choose the penalties.
        settings: which parts it is to have, seed and reach of the mixing.
    """
    backend = PredictiveBackend.of(own, *data.train, is_consistent=settings.consistent_decoding)
    if not settings.joint_decoding:
        return backend
    reach = settings.mixing_reach if settings.num_neighbors > 0 else 0.0
    num_rows = max(POOL_ROWS, min(MOST_POOL_ROWS, COPIES * len(data.train.x)))
    pool = mixed_pool(data.train, num_rows=num_rows, seed=settings.seed, reach=reach)
    codes = [backend.encode(*rows) for rows in (pool, data.validation)]
    decoders = []
    for level in range(1, len(own.codebooks) + 1):
        e, f = (backend.own_columns(code[:, :, :level]) for code in codes)
        candidates = fit_joint_decoder(
            e, *pool, penalties=PENALTIES, num_centers=settings.num_centers, width=KERNEL_WIDTH
        )
        choices = [no_correction(e.shape[1]), *candidates]
        errors = [_error(decoder, f, data.validation, backend) for decoder in choices]
        best = errors.index(min(errors))
        log.debug("joint decoder of %d levels: validation errors %s, the %d-th is kept.", level, errors, best)
        decoders.append(choices[best])
    return replace(backend, decoders=tuple(decoders))


def _error(decoder: JointDecoder, e: torch.Tensor, rows: Rows, backend: PredictiveBackend) -> float:
    decoded = decoder(e).clamp(backend.own.low, backend.own.high)
    return masked_mse(decoded, *rows)
