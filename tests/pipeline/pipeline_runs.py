"""The shipped tiny configurations, made fit for tests of the pipeline."""

from pathlib import Path

from spinlock.config import GenerateConfig, TrainConfig, load_config

ROOT = Path(__file__).parents[2]
SMALL = (
    "num_samples=24",
    "num_timesteps=32",
    "systems=[cnn, gray_scott, kuramoto_sivashinsky, advection_diffusion]",
    "storage.keep_states=float32",
    "storage.workers=2",
)


def generate_config(target: Path, *overrides: str) -> GenerateConfig:
    """The shipped tiny configuration, made a little larger."""
    path = ROOT / "configs/generate/tiny.yaml"
    return load_config(path, GenerateConfig, overrides=(*SMALL, f"output_path={target}", *overrides))


def train_config(dataset: Path, folder: Path, *overrides: str) -> TrainConfig:
    """The shipped tiny training on a data set."""
    path = ROOT / "configs/vqvae/tiny.yaml"
    places = (f"dataset_path={dataset}", f"training.checkpoint_dir={folder}")
    return load_config(path, TrainConfig, overrides=(*places, *overrides))
