"""From a YAML file to a checked, frozen section; every mistake at once, each with its line and column.

`load_config(path, TrainConfig)`; the sections are `GenerateConfig` and `TrainConfig`. Nothing below this folder knows
that configuration files exist: the parts take keyword arguments.
"""

from spinlock.config.generate import GenerateConfig
from spinlock.config.load import load_config
from spinlock.config.train import TrainConfig
from spinlock.core.spec import Spec

__all__ = ["GenerateConfig", "Spec", "TrainConfig", "load_config"]
