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
from spinlock.vqvae.learned import build_model
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize

from spinlock.core.category_map import CategoryMap
from spinlock.core.seeds import torch_stream
from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.vqvae.layers import use_generator
from spinlock.vqvae.packing import Packing

CATEGORIES, WIDTH, BATCH = 6, 60, 1024
LEVELS = ((32, 128), (16, 256), (8, 512))
HIDDEN, OUTPUT, GROUP_HIDDEN, EMBEDDING = (256, 128), 64, 128, 64


def batched_step() -> Callable[[], None]:
    """One step of spinlock's model."""
    names = tuple(f"column {i}" for i in range(CATEGORIES * WIDTH))
    groups = {f"category {c}": tuple(range(c * WIDTH, (c + 1) * WIDTH)) for c in range(CATEGORIES)}
    packing = Packing.of(CategoryMap(group_indices=groups, feature_names=names))
    config = TokenizerConfig(
        levels=tuple(Level(latent_dim=latent, num_tokens=tokens) for latent, tokens in LEVELS),
        encoder_params={"hidden_dims": HIDDEN, "output_dim": OUTPUT, "dropout": 0.1},
        group_hidden_dim=GROUP_HIDDEN,
        group_embedding_dim=EMBEDDING,
    )
    model = build_model(config, packing=packing, seed=0)
    generator = torch_stream(0, "benchmark")
    use_generator(model, generator)
    x = torch.randn((CATEGORIES, BATCH, WIDTH), generator=generator)
    mask = torch.ones_like(x, dtype=torch.bool)
    model.start_at_axes(x)
    for quantizer in model.level_quantizers:
        quantizer.codewords.copy_(torch.randn(quantizer.codewords.shape, generator=generator))
        quantizer.sums.copy_(quantizer.codewords)
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=1e-4)

    def step() -> None:
        losses = model.losses(
            x,
            x,
            mask,
            commitment_cost=0.45,
            orthogonality_weight=0.1,
            informativeness_weight=0.1,
            generator=generator,
        )
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()

    return step


class SeparateCategory(nn.Module):
    """One category as the usual modules build it."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [WIDTH, *HIDDEN]
        layers: list[nn.Module] = []
        for width, hidden in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.1)]
        layers += [nn.Linear(sizes[-1], OUTPUT), nn.Linear(OUTPUT, GROUP_HIDDEN), nn.ReLU()]
        self.encoder = nn.Sequential(*layers, nn.Linear(GROUP_HIDDEN, EMBEDDING))
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
    """One step of six such modules and the joint decoder, in a loop."""
    torch.manual_seed(0)
    categories = nn.ModuleList(SeparateCategory() for _ in range(CATEGORIES)).train()
    wide = CATEGORIES * EMBEDDING
    joint = nn.Sequential(nn.Linear(wide, GROUP_HIDDEN), nn.ReLU(), nn.Linear(GROUP_HIDDEN, CATEGORIES * WIDTH))
    joint_linear = nn.Linear(wide, CATEGORIES * WIDTH)
    x = torch.randn(CATEGORIES, BATCH, WIDTH)
    parameters = [*categories.parameters(), *joint.parameters(), *joint_linear.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)

    def step() -> None:
        loss, totals, last = torch.zeros(()), [], []
        for category, rows in zip(categories, x, strict=True):
            decoded, commitment, total = category(rows)
            loss = loss + commitment + 0.1 * sum((part - rows).square().mean() for part in decoded[:-1])
            totals.append(total)
            last.append(decoded[-1])
        flat = torch.cat(totals, dim=1)
        out = torch.cat(last, dim=1) + joint(flat) + joint_linear(flat)
        loss = loss + (out - x.transpose(0, 1).flatten(1)).square().mean()
        correlation = torch.corrcoef(flat.T).square().mean()
        optimizer.zero_grad()
        (loss + 0.1 * correlation).backward()
        optimizer.step()

    return step


def sgemm_step() -> Callable[[], None]:
    """The matrix products of one step: layers three times (forward, two gradients), distances once, the joint decoder."""
    sizes = [WIDTH, *HIDDEN, OUTPUT, GROUP_HIDDEN, EMBEDDING]
    layers = list(zip(sizes, sizes[1:], strict=False)) + [(WIDTH, EMBEDDING)]
    layers += [(EMBEDDING, GROUP_HIDDEN), (GROUP_HIDDEN, WIDTH), (EMBEDDING, WIDTH)] * len(LEVELS)
    wide = CATEGORIES * EMBEDDING
    joint = [(wide, CATEGORIES * WIDTH), (wide, GROUP_HIDDEN), (GROUP_HIDDEN, CATEGORIES * WIDTH)]
    pairs = [(torch.randn(CATEGORIES, BATCH, i), torch.randn(CATEGORIES, i, o)) for i, o in layers] * 3
    pairs += [(torch.randn(1, BATCH, i), torch.randn(1, i, o)) for i, o in joint] * 3
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
