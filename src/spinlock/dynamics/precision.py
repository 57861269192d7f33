"""In which numbers the layers of neural operators are computed, and on which devices.

With bfloat16 the weights and the activations of an operator are rounded to 8 significant bits, after they were
calibrated as ever. States, the update rule, the noise and the step operator that features run stay in float32.
Which operators it acts on depends on their parameters alone, so data do not depend on what a machine is fast at.
"""

from pathlib import Path

import torch
from torch import Tensor

from spinlock.dynamics.simulation import Precision

BFLOAT16_CHANNELS = 16
"""Channels from which on an operator's layers are in bfloat16: below, bfloat16 takes about as long as float32."""
CPU_UNITS = ("avx512_bf16", "amx_bf16")
"""Flags of a processor that multiplies in bfloat16, as Linux names them; without, a step takes 7 to 25 times as long."""
CPU_FLAGS = Path("/proc/cpuinfo")


def layer_dtype(precision: Precision, *, num_channels: int, like: Tensor) -> torch.dtype:
    """The dtype of an operator's layers: bfloat16 where that is asked for and pays, else that of the states.

    Args:
        precision: that is asked for.
        num_channels: of the operator, on its finest level.
        like: states.
    """
    return torch.bfloat16 if precision == "bfloat16" and num_channels >= BFLOAT16_CHANNELS else like.dtype


def in_words(precision: Precision) -> str:
    """A precision as a text for people."""
    if precision == "float32":
        return precision
    return f"bfloat16 in neural operators of {BFLOAT16_CHANNELS} channels and more, float32 elsewhere"


def precision_mistake(precision: Precision, *, device: str) -> str:
    """The sentence that refuses a precision on a device, "cpu" or "cuda"; "" if the device has it.

    What the device can do decides, not a timing, which other work on the machine would sway.
    """
    if precision == "float32" or _has_units(device):
        return ""
    what = f"a processor with {' or '.join(CPU_UNITS)}" if device == "cpu" else "a GPU that multiplies in bfloat16"
    return f"precision bfloat16 needs {what} and finds none here; use float32, or another machine"


def _has_units(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    flags = CPU_FLAGS.read_text(encoding="utf-8").split() if CPU_FLAGS.is_file() else []
    return any(unit in flags for unit in CPU_UNITS)
