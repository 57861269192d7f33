"""Every Python block of the README and of docs/ runs, each on its own; docs/examples/ is made by running it."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import spinlock
from spinlock.config import GenerateConfig, TrainConfig, load_config
from spinlock.core.seeds import torch_stream
from spinlock.pipeline.generate import generate
from spinlock.pipeline.tables import family_path, load_table
from spinlock.pipeline.train import train

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if BLOCK.search(page.read_text("utf-8"))
]
COLUMNS = (
    "settling_time",
    "autocorrelation_time",
    "synchrony",
    "granger_channels",
    "transport_speed",
    "spreading_speed",
)


def runs(seed: int, draws: int = 240) -> spinlock.FeatureTable:
    """Two runs of each draw that are alike but for some noise, in two categories of three columns."""
    chance = torch_stream(seed, "draws")
    own = torch.rand((draws, 1, len(COLUMNS)), generator=chance)
    values = own + 0.02 * torch.randn((draws, 2, len(COLUMNS)), generator=chance)
    groups = [f"draw {draw}" for draw in range(draws) for _ in range(2)]
    categories = ["temporal"] * 3 + ["causality"] * 3
    return spinlock.FeatureTable.from_array(values.flatten(0, 1), names=COLUMNS, categories=categories, groups=groups)


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """What pages call run/rollouts.h5, run/tokenizer and checkpoints/families, made by the real thing."""
    folder = tmp_path_factory.mktemp("docs")
    small = (
        "num_samples=32",
        "num_timesteps=24",
        "systems=[gray_scott, lenia]",
        f"output_path={folder}/run/rollouts.h5",
    )
    rollouts = generate(load_config(ROOT / "configs/generate/tiny.yaml", GenerateConfig, overrides=small))
    quick = (
        f"dataset_path={rollouts}",
        f"training.checkpoint_dir={folder}/checkpoints/families",
        "training.refit=false",
    )
    quick += ("model.backend=classical", "model.levels=[{latent_dim: 4, num_tokens: 3}]", "model.coarse=codebook")
    config = load_config(ROOT / "configs/vqvae/tiny.yaml", TrainConfig, overrides=quick).model_dump()
    made = train(TrainConfig(**config | {"families": {"summary": {}, "trajectory": {}, "parameters": {}}})).folder
    shutil.copytree(made / "summary", folder / "run/tokenizer")
    return folder


@pytest.fixture(scope="session")
def given() -> dict[str, Any]:
    """Names that pages use without making them: what a reader would have in hand there."""
    table = runs(0)
    chance = torch_stream(0, "series")
    series = torch.randn((80, 64, 3), generator=chance)
    return {
        "spinlock": spinlock,
        "table": table,
        "other_table": runs(1),
        "tokenizer": spinlock.Tokenizer([(4, 8)], metric="behaviour", coarse="words").fit(table),
        "calm": runs(2, draws=40),
        "wild": runs(3, draws=40),
        "states": torch.randn((8, 16, 1, 8, 8), generator=chance).cumsum(1).numpy(),
        "my_step": lambda state: 0.9 * state,
        "initial_states": torch.randn((3, 1, 8, 8), generator=chance),
        "series": series[:60],
        "groups": [str(draw) for draw in range(60)],
        "others": series[60:],
        "values": table.values.numpy(),
        "names": list(COLUMNS),
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_of_a_page_runs(page, given, folder, monkeypatch):
    monkeypatch.chdir(folder)
    rollouts = folder / "run/rollouts.h5"
    views = {"table": load_table(rollouts).table, "other_table": load_table(rollouts, family_path("trajectory")).table}
    at_hand = {"families.md": views}
    text = page.read_text("utf-8")
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        code = compile("\n" * line + block[1], str(page), "exec")
        try:
            exec(code, {**given, **at_hand.get(page.name, {})})
        except ModuleNotFoundError as error:
            pytest.skip(f"{page.name}, line {line + 1}: {error}")
