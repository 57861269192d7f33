"""From a YAML file to a checked, frozen section; every mistake at once, each with its line and column.

`load_config(path, TrainConfig)`; the sections are `GenerateConfig` and `TrainConfig`. Nothing below this folder knows
that configuration files exist: the parts take keyword arguments.
"""

from spinlock.config.generate import GenerateConfig
from spinlock.config.load import load_config
from spinlock.config.train import TrainConfig
from spinlock.core.section import Section

__all__ = ["GenerateConfig", "Section", "TrainConfig", "load_config"]
