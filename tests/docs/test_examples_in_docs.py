"""Every Python block of the README and of docs/ runs, each on its own; docs/examples/ is made by running it."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

import spinlock
from spinlock.cli import main
from spinlock.config import GenerateConfig, load_config
from spinlock.core.feature_table import FeatureTable
from spinlock.core.seeds import torch_stream
from spinlock.core.views import in_memory
from spinlock.pipeline.generate import generate
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.tables import AGGREGATED, family_path, load_table
from spinlock.training.parameters import ParameterTokenizer

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
    shape = {"levels": [(4, 3)], "backend": "classical", "metric": "columns", "coarse": "codebook", "refit": False}
    summary, trajectory = (spinlock.Tokenizer(**shape).fit(table) for table in views(rollouts))
    runs = run_parameters(rollouts)
    coarse = summary.encode(views(rollouts)[0]).codes[:, :, 0].numpy().astype(float)
    members = {
        "summary": summary,
        "trajectory": trajectory,
        "parameters": ParameterTokenizer().fit(runs, behaviour=coarse),
    }
    spinlock.FamilyTokenizer(members).save_pretrained(folder / "checkpoints/families")
    summary.save_pretrained(folder / "run/tokenizer")
    words = [
        "tokenize",
        "--dataset",
        str(rollouts),
        "--window",
        "16",
        "--stride",
        "4",
        "--output",
        str(folder / "windows.h5"),
    ]
    assert main([*words, "--quiet"]) == 0
    return folder


def views(rollouts: Path) -> tuple[FeatureTable, FeatureTable]:
    """The summary of a data set, and the course of its features over time."""
    paths = (AGGREGATED, family_path("trajectory"))
    return tuple(in_memory(load_table(rollouts, path).table) for path in paths)


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
    of_families = dict(zip(("table", "other_table"), views(folder / "run/rollouts.h5"), strict=True))
    tokens = spinlock.load_tokens(folder / "windows.h5")
    at_hand = {"families.md": of_families, "words.md": {"train": tokens, "test": tokens}}
    text = page.read_text("utf-8")
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        code = compile("\n" * line + block[1], str(page), "exec")
        try:
            exec(code, {**given, **at_hand.get(page.name, {})})
        except ModuleNotFoundError as error:
            pytest.skip(f"{page.name}, line {line + 1}: {error}")
