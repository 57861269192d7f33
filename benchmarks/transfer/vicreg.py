"""A small self-supervised network on clips, trained on spinlock's own films alone: what is left when two realizations are to look alike.

Source: A. Bardes, J. Ponce, Y. LeCun, VICReg, ICLR 2022, arXiv:2105.04906, equations 1 to 6, with its weights 25, 25, 1.
"""

import time
from pathlib import Path

import h5py
import numpy as np
import torch
from series import standardised
from torch import Tensor, nn

OFFSETS = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 25, 31, 37, 44, 52, 60)
"""Saved states of a clip after its first: dense for what is fast, wide for what is slow, within a film of 64."""
WIDTH, EXPANDED = 256, 512
BATCH = 256
SECONDS = 540.0
"""Of one processor, for training."""
CLIPS = 6
"""Of a film, whose vectors are averaged."""
LIMIT = 10.0
"""Standard deviations beyond which a cell counts as no farther."""


class Encoder(nn.Module):
    """Clips (clip, saved state, height, width) → vectors (clip, `WIDTH`); saved states are channels, and edges wrap around."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (len(OFFSETS), 32, 64, WIDTH // 2)
        layers: list[nn.Module] = []
        for before, after in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1, padding_mode="circular", bias=False)]
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, clips: Tensor) -> Tensor:
        found = self.layers(clips.contiguous(memory_format=torch.channels_last)).flatten(2)  # (clip, channel, place)
        return torch.cat([found.mean(2), found.std(2)], 1)


def expander() -> nn.Module:
    return nn.Sequential(
        nn.Linear(WIDTH, EXPANDED),
        nn.BatchNorm1d(EXPANDED),
        nn.ReLU(),
        nn.Linear(EXPANDED, EXPANDED),
    )


def loss_of(first: Tensor, second: Tensor) -> Tensor:
    """Pairs close together, each coordinate spread out, coordinates uncorrelated."""
    total = 25 * nn.functional.mse_loss(first, second)
    for z in (first, second):
        z = z - z.mean(0)
        covariance = z.T @ z / (len(z) - 1)
        spread = (covariance.diagonal() + 1e-4).sqrt()
        apart = covariance.square().sum() - covariance.diagonal().square().sum()
        total = total + 25 * torch.relu(1 - spread).mean() / 2 + apart / z.shape[1]
    return total


def clip_of(film: np.ndarray, start: int) -> np.ndarray:
    """A clip (saved state, height, width) of a film (time, channel, height, width), in its own units; its first channel."""
    states = np.array([start + offset for offset in OFFSETS])
    return standardised(film[states, :1].astype(np.float32))[:, 0].clip(-LIMIT, LIMIT)


def _view(film: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """A clip from anywhere, moved, turned over and with either sign."""
    clip = clip_of(film, chance.integers(len(film) - OFFSETS[-1]))
    clip = np.roll(clip, tuple(chance.integers(32, size=2)), (1, 2))
    clip = clip[:, :: chance.choice([-1, 1]), :: chance.choice([-1, 1])]
    return clip if chance.uniform() < 0.5 else clip.swapaxes(1, 2)


def train(states: Path, *, seed: int = 0) -> Encoder:
    """Trains on the data set's samples that stay finite; two realizations of a sample are a pair."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    chance = np.random.default_rng(seed)
    with h5py.File(states) as file:
        films = file["outputs/fields"][:, :, :, :1]  # (sample, realization, time, channel, height, width), float16
    finite = np.array([np.isfinite(film).all() for film in films])
    films = films[finite]
    encoder, head = Encoder().to(memory_format=torch.channels_last), expander()
    parameters = [*encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-4)
    begun, steps = time.process_time(), 0
    while (spent := time.process_time() - begun) < SECONDS:
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * 0.5 * (1 + np.cos(np.pi * spent / SECONDS))
        drawn = films[chance.choice(len(films), BATCH, replace=False)]
        clips = [np.stack([_view(film[side], chance) for film in drawn]) for side in (0, 1)]
        first, second = (head(encoder(torch.from_numpy(np.ascontiguousarray(one)))) for one in clips)
        loss = loss_of(first, second)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if steps % 100 == 0:
            print(f"vicreg: step {steps}, {spent:.0f} s, loss {loss.item():.2f}", flush=True)
        steps += 1
    return encoder.eval()


def load_or_train(states: Path, path: Path) -> Encoder:
    """The encoder that was kept at `path`, or a new one, which is kept there."""
    encoder = Encoder()
    if path.exists():
        with np.load(path) as stored:
            encoder.load_state_dict({name: torch.from_numpy(stored[name]) for name in stored.files})
    else:
        encoder = train(states)
        with path.open("wb") as file:
            np.savez(file, **{name: tensor.numpy() for name, tensor in encoder.state_dict().items()})
    return encoder.eval()


@torch.no_grad()
def embedding(encoder: Encoder, film: np.ndarray) -> np.ndarray:
    """The mean vector of clips spread over a film (time, channel, height, width)."""
    starts = np.linspace(0, len(film) - 1 - OFFSETS[-1], CLIPS).round().astype(int)
    clips = np.stack([clip_of(film, start) for start in starts])
    return encoder(torch.from_numpy(clips)).mean(0).numpy()
