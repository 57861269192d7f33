"""The learning rate over the steps of a run."""

import math


def learning_rate_at(step: int, *, num_steps: int, peak: float, warmup: float, final_rate: float) -> float:
    """The rate of step 0, 1, …: linear from 0 to `peak`, then along a half cosine to `peak` x `final_rate`.

    Args:
        step: number of steps taken so far.
        num_steps: of the whole run.
        peak: the highest rate.
        warmup: share of the steps that rise.
        final_rate: the last rate as a share of the peak.
    """
    rising = warmup * num_steps
    if step < rising:
        return peak * (step + 1) / (math.floor(rising) + 1)
    done = min(1.0, (step - rising) / max(1.0, num_steps - rising))
    return peak * (final_rate + (1 - final_rate) * 0.5 * (1 + math.cos(math.pi * done)))
