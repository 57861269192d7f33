"""Fit joint decoders on top of a coder: regressions that decode a column from the codes of all categories."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.masked import masked_mse
from spinlock.training.data import TrainingData, encoded
from spinlock.vqvae.coders.classical import ClassicalCoder
from spinlock.vqvae.coders.joint import JointCoder
from spinlock.vqvae.coders.learned import LearnedCoder
from spinlock.vqvae.joint_decoder import JointDecoder, fit_joint_decoder, no_correction

log = logging.getLogger(__name__)

PENALTIES = ((0.01, 1e-3), (0.03, 1e-3), (0.1, 1e-3), (0.1, 1e-2), (0.3, 1e-2), (0.3, 1e-1))
"""Of the linear part and of the kernel part; validation rows choose a pair, or no correction."""
KERNEL_WIDTH = 0.3
POOL_ROWS, MOST_POOL_ROWS, COPIES = 8000, 32_000, 4
"""Rows that the decoders are fitted to, mixed copies of the training rows: so many, and of each row so many where that is
at most the second number."""


class JointFit(NamedTuple):
    """A coder with joint decoders, and what was chosen for each number of levels: a place in `PENALTIES`, or None for no correction."""

    coder: JointCoder
    choices: tuple[int | None, ...]


@torch.no_grad()
def fit_joint(
    own: ClassicalCoder | LearnedCoder, data: TrainingData, *, choices: Sequence[int | None] | None = None
) -> JointFit:
    """Joint decoders on top of a coder, their penalties chosen by validation rows.

    Args:
        own: codes, and decodes each category from its own.
        data: rows to regress on, after mixing with neighbours, and rows that choose the penalties.
        choices: the penalties where they were chosen before; validation rows are then not looked at.
    """
    packing, spec = data.packing, data.spec
    known = torch.where(data.batch.mask, data.batch.values, 0.0)
    e = torch.nan_to_num(packing.unpack(own.decode(encoded(own, data.train, packing=packing))))
    joint = JointCoder(
        own=own,
        packing=packing,
        decoders=tuple(no_correction(e) for _ in range(own.codebook_sizes.shape[1])),
        covariance=(e.mT @ e) / len(e),
        low=known.amin(dim=0),
        high=known.amax(dim=0),
        is_consistent=spec.consistent_decoding and isinstance(own, ClassicalCoder),
    )
    pool = data.pool(max(POOL_ROWS, min(MOST_POOL_ROWS, COPIES * len(data.train.x))))
    codes = encoded(joint, pool, packing=packing)
    held_out = None if choices is not None else encoded(joint, data.validation, packing=packing)
    decoders, chosen = [], []
    for level in range(1, len(joint.decoders) + 1):
        wanted = range(len(PENALTIES)) if choices is None else [c for c in (choices[level - 1],) if c is not None]
        e = joint.own_columns(codes[:, :, :level])
        fitted = fit_joint_decoder(
            e,
            *pool,
            penalties=[PENALTIES[place] for place in wanted],
            num_centers=spec.num_centers,
            width=KERNEL_WIDTH,
        )
        candidates: dict[int | None, JointDecoder] = dict(zip(wanted, fitted, strict=True))
        if held_out is None:
            best = choices[level - 1]  # pyright: ignore[reportOptionalSubscript] given where nothing is held out
        else:
            candidates = {None: no_correction(e), **candidates}
            f = joint.own_columns(held_out[:, :, :level])
            errors = {place: _error(joint, decoder(f), data) for place, decoder in candidates.items()}
            best = min(errors, key=lambda place: errors[place])
            log.debug("joint decoder of %d levels: validation errors %s, %s is kept.", level, errors, best)
        decoders.append(candidates[best] if best in candidates else no_correction(e))
        chosen.append(best)
    return JointFit(replace(joint, decoders=tuple(decoders)), tuple(chosen))


def _error(joint: JointCoder, decoded: Float[Tensor, "sample column"], data: TrainingData) -> float:
    """Mean squared error of validation rows within the training rows' range."""
    low, high = (data.packing.unpack(edge[None])[0] for edge in (joint.low, joint.high))
    return masked_mse(data.validation.x, decoded.clamp(low, high), data.validation.mask)
