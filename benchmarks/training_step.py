"""Training steps a second: all categories in one model, against the same model built of separate quantiser modules.

    python benchmarks/training_step.py [--json] [--rounds 30]

Three contenders take turns in one process on one thread; times are processor time, so that a busy machine counts less.
Only ratios travel:

    batched    spinlock's model: 6 categories x 60 columns, the levels 32/16/8 with 128/256/512 tokens, batch 1024
    separate   one torch MLP encoder and decoder a category, and one VectorQuantize of vector-quantize-pytorch a category
               and level (18), in Python loops
    sgemm      the matrix products that the batched step cannot do without, and nothing else: the floor

Needs the extra `oracles`.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from first_recipe import encoder_of
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize

from spinlock.core.seeds import torch_stream
from spinlock.vqvae.beam_search import Codebook
from spinlock.vqvae.layers import use_generator
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE
from spinlock.vqvae.spec import EncoderSpec, ModelSpec

CATEGORIES, WIDTH, BATCH = 6, 60, 1024
LEVELS = ((32, 128), (16, 256), (8, 512))
HIDDEN, OUTPUT, GROUP_HIDDEN, EMBEDDING = (256, 128), 64, 128, 64


def batched_step() -> Callable[[], None]:
    """One step of spinlock's model."""
    generator = torch_stream(0, "benchmark")
    spec = ModelSpec(levels=LEVELS, group_hidden_dim=GROUP_HIDDEN, group_embedding_dim=EMBEDDING)
    encoder = EncoderSpec(encoder_params={"hidden_dims": HIDDEN, "output_dim": OUTPUT, "dropout": 0.1})
    model = CategoricalHierarchicalVQVAE(
        num_categories=CATEGORIES, width=WIDTH, spec=spec, encoder=encoder, generator=generator
    )
    use_generator(model, generator)
    x = torch.randn((CATEGORIES, BATCH, WIDTH), generator=generator)
    mask = torch.ones_like(x, dtype=torch.bool)
    books = [
        Codebook(torch.randn((CATEGORIES, size, WIDTH), generator=generator), torch.ones(CATEGORIES, size).bool())
        for _, size in LEVELS
    ]
    model.start_at(x, books, batch_size=BATCH)
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=1e-4)

    def step() -> None:
        losses, statistics = model.losses(x, x, mask)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        model.follow(statistics, generator=generator)

    return step


class SeparateCategory(nn.Module):
    """One category as the usual modules build it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = encoder_of(WIDTH)
        self.skip = nn.Linear(WIDTH, EMBEDDING)
        self.quantizers = nn.ModuleList(
            VectorQuantize(dim=EMBEDDING, codebook_dim=latent, codebook_size=tokens, decay=0.99, commitment_weight=0.45)
            for latent, tokens in LEVELS
        )
        self.decoders = nn.ModuleList(
            nn.Sequential(nn.Linear(EMBEDDING, GROUP_HIDDEN), nn.ReLU(), nn.Linear(GROUP_HIDDEN, WIDTH)) for _ in LEVELS
        )
        self.linear = nn.ModuleList(nn.Linear(EMBEDDING, WIDTH) for _ in LEVELS)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        residual = self.encoder(x) + self.skip(x)
        total, decoded, commitment = torch.zeros_like(residual), [], x.new_zeros(())
        for quantizer, decoder, linear in zip(self.quantizers, self.decoders, self.linear, strict=True):
            words, _, loss = quantizer(residual)
            residual = residual - words.detach()
            total = total + words
            commitment = commitment + loss.sum()
            decoded.append(decoder(total) + linear(total))
        return decoded, commitment, total


def separate_step() -> Callable[[], None]:
    """One step of six such modules, in a loop."""
    torch.manual_seed(0)
    categories = nn.ModuleList(SeparateCategory() for _ in range(CATEGORIES)).train()
    x = torch.randn(CATEGORIES, BATCH, WIDTH)
    optimizer = torch.optim.AdamW(categories.parameters(), lr=1e-4)

    def step() -> None:
        loss, totals = torch.zeros(()), []
        for category, rows in zip(categories, x, strict=True):
            decoded, commitment, total = category(rows)
            errors = [(part - rows).square().mean() for part in decoded]
            loss = loss + errors[-1] + 0.1 * sum(errors[:-1]) + commitment
            totals.append(total)
        correlation = torch.corrcoef(torch.cat(totals, dim=1).T).square().mean()
        optimizer.zero_grad()
        (loss + 0.1 * correlation).backward()
        optimizer.step()

    return step


def sgemm_step() -> Callable[[], None]:
    """The matrix products of one step: layers three times (forward, two gradients), distances once."""
    sizes = [WIDTH, *HIDDEN, OUTPUT, GROUP_HIDDEN, EMBEDDING]
    layers = list(zip(sizes, sizes[1:], strict=False)) + [(WIDTH, EMBEDDING)]
    layers += [(EMBEDDING, GROUP_HIDDEN), (GROUP_HIDDEN, WIDTH), (EMBEDDING, WIDTH)] * len(LEVELS)
    pairs = [(torch.randn(CATEGORIES, BATCH, i), torch.randn(CATEGORIES, i, o)) for i, o in layers] * 3
    pairs += [(torch.randn(CATEGORIES, BATCH, latent), torch.randn(CATEGORIES, latent, k)) for latent, k in LEVELS]

    def step() -> None:
        for left, right in pairs:
            torch.bmm(left, right)

    return step


def measured(rounds: int) -> dict[str, float]:
    """Median processor seconds a step of each contender, who take turns."""
    steps = {"batched": batched_step(), "separate": separate_step(), "sgemm": sgemm_step()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            start = time.process_time()
            step()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--rounds", type=int, default=30, help="steps of each contender")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    seconds = measured(arguments.rounds)
    figures = {f"{name}_ms": 1e3 * value for name, value in seconds.items()}
    figures["batched_steps_per_second"] = 1 / seconds["batched"]
    figures["separate_over_batched"] = seconds["separate"] / seconds["batched"]
    figures["batched_over_sgemm"] = seconds["batched"] / seconds["sgemm"]
    if arguments.json:
        print(json.dumps(figures, indent=1))
        return
    print(f"one thread, batch {BATCH}, {CATEGORIES} categories x {WIDTH} columns, {len(LEVELS)} levels")
    for name, value in seconds.items():
        print(f"  {name:<9} {1e3 * value:7.1f} ms a step  {1 / value:6.1f} steps/s")
    print(f"  separate modules take {figures['separate_over_batched']:.2f} times as long as the batched model")
    print(f"  the batched model takes {figures['batched_over_sgemm']:.2f} times as long as its matrix products")


if __name__ == "__main__":
    main()
