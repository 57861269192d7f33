"""Rollouts to look at: what carries one token, and a sheet of everything."""

import torch

from spinlock.core.rollout import Rollout
from spinlock.core.tokens import TokenTable
from spinlock.plots.page import GalleryToken
from spinlock.plots.rollouts import GalleryRollout
from spinlock.store.dataset import Dataset

ROLLOUTS_A_TOKEN = 6
ROLLOUTS_A_SYSTEM = 2
LARGEST_PICTURE = 64
"""Cells along a side that are shown of a large grid."""
MOST_COMMON = 1 / 6
"""A token that more of the samples carry says little; the gallery prefers rarer ones."""


def token_gallery(tokens: TokenTable, dataset: Dataset) -> tuple[GalleryToken, ...]:
    """One coarse token of every category, with rollouts that carry it.

    Of a category's coarse tokens, the most frequent of those that at most a sixth of the samples carry. Its rollouts
    are taken from as many systems as possible, in the order of the data set: they are not picked for looking alike.

    Args:
        tokens: of samples of `dataset`, with its ids.
        dataset: with states.
    """
    gallery = []
    place = {name: sample for sample, name in enumerate(dataset.view().ids)}
    for category, name in enumerate(tokens.category_names):
        codes = tokens.codes[:, category, 0]
        counts = torch.bincount(codes[codes >= 0], minlength=int(tokens.codebook_sizes[category, 0]))
        rare = torch.where(counts <= MOST_COMMON * len(codes), counts, 0)
        code = int((rare if rare.any() else counts).argmax())
        carriers = [place[tokens.ids[row]] for row in (codes == code).nonzero().squeeze(1).tolist()]
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
    return picture_of(
        dataset.rollout(sample), caption=dataset.names[sample] if dataset.names is not None else f"sample {sample}"
    )


def picture_of(rollout: Rollout, *, caption: str) -> GalleryRollout:
    """The first channel of the first valid realization (of the first one, if none is valid).

    Large grids are thinned to at most 64 cells a side; states of height 1 are one picture, time downwards.
    """
    frames = rollout.states[rollout.valid.index(True) if any(rollout.valid) else 0, :, 0].float()
    if frames.shape[1] == 1:
        frames = frames.transpose(0, 1)
    steps = [-(-length // LARGEST_PICTURE) for length in frames.shape[1:]]
    thinned = frames[:, :: steps[0], :: steps[1]]
    return GalleryRollout(title=rollout.system.replace("_", " "), caption=caption, frames=thinned.numpy())


def _from_many_systems(samples: list[int], systems: tuple[str, ...]) -> list[int]:
    """The samples, one of each system first, then a second of each, …; otherwise in their order."""
    seen: dict[str, int] = {}
    turns = []
    for sample in samples:
        seen[systems[sample]] = seen.get(systems[sample], -1) + 1
        turns.append((seen[systems[sample]], sample))
    return [sample for _, sample in sorted(turns)]
