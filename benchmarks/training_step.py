"""Training steps a second: all categories in one model, against a like model of separate quantiser modules.

    python benchmarks/training_step.py [--json] [--rounds 30]

Three contenders take turns in one process on one thread; times are processor time, so that a busy machine counts less.
Only ratios travel:

    batched    spinlock's model: 6 categories x 60 columns, the levels 32/16/8 with 128/256/512 tokens, batch 1024
    separate   the first document's recipe: one torch MLP encoder a category, one decoder and one VectorQuantize of
               vector-quantize-pytorch a category and level (18), in Python loops
    sgemm      the matrix products that the batched step cannot do without, and nothing else: the floor

Needs the extra `oracles`.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

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


def separate_step() -> Callable[[], None]:
    """One step of the first document's recipe, a category and a level after the other."""
    from first_recipe import FirstRecipe  # noqa: PLC0415  needs an extra; the other steps do not

    torch.manual_seed(0)
    groups = [range(c * WIDTH, (c + 1) * WIDTH) for c in range(CATEGORIES)]
    model = FirstRecipe(groups, [tokens.bit_length() - 1 for _, tokens in LEVELS]).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    x = torch.randn(BATCH, CATEGORIES * WIDTH)
    return partial(model.step, optimizer, x, torch.ones_like(x, dtype=torch.bool))


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
