"""Regress what a category's own codes leave over on the codes of all categories."""

import torch

from spinlock.core.seeds import torch_stream
from spinlock.training.rows import Rows, masked_mse
from spinlock.training.settings import TrainingSettings
from spinlock.vqvae.joint_regression import moments_of, ridge
from spinlock.vqvae.learned import LearnedBackend
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE
from spinlock.vqvae.neighbor_mixing import mix_with_neighbors, nearest_neighbors

STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Of the ridge, in units of a standardised column's variance; validation rows choose one, or none."""
ROWS_PER_INPUT = 10
NUM_NEIGHBORS = 15


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
    pool = _pool(train, num_rows=ROWS_PER_INPUT * num_inputs, settings=settings)
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


def _pool(train: Rows, *, num_rows: int, settings: TrainingSettings) -> Rows:
    """Training rows moved towards neighbours, all categories of a row towards the same one."""
    if len(train.x) < 2 or settings.num_neighbors == 0 or settings.mixing_reach == 0:
        return train
    everyone = torch.ones((1, len(train.x)), dtype=torch.bool)
    neighbors = nearest_neighbors(train.x[None], num_neighbors=NUM_NEIGHBORS, present=everyone)
    generator = torch_stream(settings.seed, "joint")
    copies = max(1, num_rows // len(train.x))
    mixed = [
        mix_with_neighbors(train.x[None], neighbors, reach=settings.mixing_reach, generator=generator)[0]
        for _ in range(copies)
    ]
    return Rows(torch.cat(mixed), train.mask.repeat(copies, 1))
