"""The kinds of configuration files by name, and a first file of each to edit."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from spinlock.config.document import read_document
from spinlock.config.generate import GenerateConfig
from spinlock.config.train import TrainConfig
from spinlock.core.cluster_jobs import ClusterJobs
from spinlock.core.spec import Spec

SECTIONS: Mapping[str, type[Spec]] = MappingProxyType(
    {"generate": GenerateConfig, "train": TrainConfig, "cluster": ClusterJobs}
)
"""Kind of file → its schema."""

_STARTS: Mapping[str, Mapping[str, Any]] = {
    "generate": {
        "num_samples": 96,
        "num_timesteps": 64,
        "num_realizations": 3,
        "grid_size": 32,
        "output_path": "datasets/my_data.h5",
        "systems": "all",
    },
    "train": {
        "dataset_path": "datasets/my_data.h5",
        "families": {
            "summary": {
                "encoder": "MLPEncoder",
                "encoder_params": {
                    "hidden_dims": [256, 128],
                    "output_dim": 64,
                    "dropout": 0.1,
                    "activation": "relu",
                    "batch_norm": True,
                },
            }
        },
        "model": {"levels": [{"latent_dim": 32, "num_tokens": 16}, {"latent_dim": 16, "num_tokens": 16}]},
    },
    "cluster": {"kind": "slurm", "workers": 64, "workers_per_job": 8, "hours": 4.0},
}
"""Values of the keys that have no default."""


def kind_of(path: Path) -> str:
    """The kind whose keys a file has most of.

    Raises:
        ConfigError: if the file is not YAML.
    """
    keys = set(read_document(path).values)
    return max(SECTIONS, key=lambda kind: len(keys & set(SECTIONS[kind].model_fields)))


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON schema of a kind of file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SECTIONS[kind].model_json_schema()}


def starting_file(kind: str) -> str:
    """A complete file of a kind: every key with its default, described in a comment."""
    section = SECTIONS[kind]
    return "\n".join([f"# {section.__doc__}", "", *_rendered(section, _STARTS[kind], indent="")]) + "\n"


def as_yaml(config: Spec) -> str:
    """A checked configuration with every key, as a file that loads to the same."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)


def _rendered(section: type[Spec], values: Mapping[str, Any], *, indent: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Spec):
            yield f"{indent}{name}:"
            yield from _rendered(inner, values.get(name, {}), indent=f"{indent}  ")
            continue
        yield from (f"{indent}# {line}" for line in (field.description or "").splitlines())
        value = values[name] if name in values else field.get_default()
        yield f"{indent}{name}: {_flow(str(value) if isinstance(value, Path) else value)}"


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("...\n").strip()
