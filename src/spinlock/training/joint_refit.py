"""Regress what a category's own codes leave over on the codes of all categories."""

import torch

from spinlock.training.rows import Rows, masked_mse, mixed_pool
from spinlock.training.settings import TrainingSettings
from spinlock.vqvae.joint_regression import moments_of, ridge
from spinlock.vqvae.learned import LearnedBackend
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE

STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Of the ridge, in units of a standardised column's variance; validation rows choose one, or none."""
ROWS_PER_INPUT = 10


@torch.no_grad()
def refit_joint_decoders(
    model: CategoricalHierarchicalVQVAE,
    backend: LearnedBackend,
    *,
    train: Rows,
    validation: Rows,
    settings: TrainingSettings,
) -> None:
    """Add to every prefix's joint decoder the ridge solution that helps the validation rows most, if any does.

    The regression sees training rows mixed with neighbours: the codes of the training rows themselves fit them too well
    to say what codes of other rows leave over.

    Args:
        model: whose joint decoders are changed.
        backend: of the same weights, for its codes.
        train: rows to regress on.
        validation: rows that choose the strength.
        settings: seed and reach of the mixing; chance of an absent category.
    """
    num_inputs = backend.packing.num_categories * backend.config.group_embedding_dim
    reach = settings.mixing_reach if settings.num_neighbors > 0 else 0.0
    pool = mixed_pool(train, num_rows=ROWS_PER_INPUT * num_inputs, seed=settings.seed, reach=reach)
    rows = [pool, validation]
    codes = [backend.encode(*part) for part in rows]
    packing = backend.packing
    targets = [packing.pack(part.x).transpose(0, 1) for part in rows]
    masks = [packing.pack(part.mask).transpose(0, 1) for part in rows]
    for level in range(codes[0].shape[2]):
        summed = [model.embed(code[:, :, : level + 1]).transpose(0, 1) for code in codes]
        joint = model.prefix_joint_decoders[level]
        errors = [
            target - model.decode(code[:, :, : level + 1]).transpose(0, 1)
            for target, code in zip(targets, codes, strict=True)
        ]
        moments = moments_of(summed[0], errors[0], masks[0])
        how = {"num_categories": packing.num_categories, "dropout": settings.category_dropout}
        solutions = [ridge(moments, strength=strength, **how).to(joint.linear) for strength in STRENGTHS]
        candidates = [torch.zeros_like(joint.linear), *solutions]
        flat = summed[1].transpose(0, 1).flatten(1)
        missed = errors[1].transpose(0, 1).flatten(1)
        mask = masks[1].transpose(0, 1).flatten(1)
        scores = [masked_mse(flat @ weights, missed, mask) for weights in candidates]
        joint.start_at(joint.linear + candidates[scores.index(min(scores))])
