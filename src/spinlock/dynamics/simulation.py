"""How the samples of a data set are simulated: stated once, in a configuration file or in Python, and handed whole.

Nothing here loads torch, because the keys of a configuration file are these fields.
"""

from typing import Annotated, Literal

from pydantic import Field

from spinlock.core.spec import Seed, Spec, Whole

Outcome = Literal["diverged", "dead", "frozen"]
"""What may become of a realization before its end."""
Precision = Literal["float32", "bfloat16"]


class Screening(Spec):
    """What happens to samples that diverge, die out or freeze; all are marked with the time and counted."""

    policy: Literal["mark", "redraw"] = "mark"
    """Whether such samples stay as they are, marked, or are drawn again with new parameters, initial condition and noise."""

    redraw: Annotated[tuple[Outcome, ...], Field(min_length=1)] = ("diverged",)
    """What "redraw" draws again: diverged (in any realization), dead or frozen (in all); the rest is marked."""

    max_redraws: Whole = 3
    """Attempts after the first; a sample of which none passes stays, marked. The count is stored."""


class Simulation(Spec):
    """How every sample of a data set is simulated, whatever its system."""

    num_timesteps: Annotated[int, Field(strict=True, ge=2, le=1_000_000)]
    """Saved states a realization, the initial one included."""

    num_realizations: Annotated[int, Field(strict=True, ge=1, le=10_000)]
    """Runs of a sample that differ in their noise."""

    grid_size: Annotated[int, Field(strict=True, ge=8, le=4096, multiple_of=2)]
    """Cells along each side of the grid; even."""

    spatial_dimensions: Literal[1, 2] = 2
    """2 for a square of grid_size x grid_size cells, 1 for a line of grid_size cells (states of height 1)."""

    seed: Seed = 0
    """What every random stream is keyed by; the same seed gives the same data."""

    device: Literal["cpu", "cuda"] = "cpu"
    """Where samples are simulated; features are always computed on the CPU. The last bits differ between devices."""

    precision: Precision = "float32"
    """Of the layers of neural operators with 16 channels and more; all else is float32. bfloat16 needs a device with units for it; on some it is no faster: see --dry-run."""

    screening: Screening = Screening()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the states, in cells."""
        return (self.grid_size if self.spatial_dimensions == 2 else 1, self.grid_size)
