"""Rollouts to look at: what carries one token, and a sheet of everything."""

import numpy as np
import torch

from spinlock.core.tokens import TokenTable
from spinlock.plots.content import GalleryRollout, GalleryToken
from spinlock.store.dataset import Dataset

ROLLOUTS_A_TOKEN = 6
ROLLOUTS_A_SYSTEM = 2
MOST_COMMON = 1 / 6
"""A token that more of the samples carry says little; the gallery prefers rarer ones."""


def token_gallery(tokens: TokenTable, dataset: Dataset) -> tuple[GalleryToken, ...]:
    """One coarse token of every category, with rollouts that carry it.

    Of a category's coarse tokens, the most frequent of those that at most a sixth of the samples carry. Its rollouts
    are taken from as many systems as possible, in the order of the data set: they are not picked for looking alike.

    Args:
        tokens: of samples of `dataset`, whose ids are sample numbers.
        dataset: with states.
    """
    gallery = []
    for category, name in enumerate(tokens.category_names):
        codes = tokens.codes[:, category, 0]
        counts = torch.bincount(codes[codes >= 0], minlength=int(tokens.codebook_sizes[category, 0]))
        rare = torch.where(counts <= MOST_COMMON * len(codes), counts, 0)
        code = int((rare if rare.any() else counts).argmax())
        carriers = [int(tokens.ids[row]) for row in (codes == code).nonzero().squeeze(1).tolist()]
        chosen = _from_many_systems(carriers, dataset.systems)[:ROLLOUTS_A_TOKEN]
        gallery.append(
            GalleryToken(
                category=name,
                level=0,
                code=code,
                num_samples=len(carriers),
                out_of=len(codes),
                rollouts=tuple(gallery_rollout(dataset, sample) for sample in chosen),
            )
        )
    return tuple(gallery)


def contact_rollouts(dataset: Dataset) -> tuple[GalleryRollout, ...]:
    """The first samples of every system, for the sheet of still frames."""
    systems = dataset.systems
    names = list(dict.fromkeys(systems))
    members = {name: [sample for sample, system in enumerate(systems) if system == name] for name in names}
    return tuple(gallery_rollout(dataset, sample) for name in names for sample in members[name][:ROLLOUTS_A_SYSTEM])


def gallery_rollout(dataset: Dataset, sample: int) -> GalleryRollout:
    """The first channel of a sample's first valid realization (of its first one, if none is valid)."""
    states = dataset.states(sample)
    valid = np.flatnonzero(dataset.quality.valid[sample])
    realization = int(valid[0]) if len(valid) else 0
    return GalleryRollout(
        title=dataset.systems[sample].replace("_", " "),
        caption=f"sample {sample}",
        frames=states[realization, :, 0].float().numpy(),
    )


def _from_many_systems(samples: list[int], systems: tuple[str, ...]) -> list[int]:
    """The samples, one of each system first, then a second of each, …; otherwise in their order."""
    seen: dict[str, int] = {}
    turns = []
    for sample in samples:
        seen[systems[sample]] = seen.get(systems[sample], -1) + 1
        turns.append((seen[systems[sample]], sample))
    return [sample for _, sample in sorted(turns)]
