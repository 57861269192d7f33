"""What a rollout must have for a feature to have a value: a fact of the definition, kept as data and told in words here alone."""

from dataclasses import dataclass

import numpy as np

Amount = int | bool | np.ndarray
"""Of one rollout, or with one entry a rollout."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What rollouts are, as far as features need it.

    Attributes:
        steps: saved times.
        channels: of the state.
        height, width: cells along the axes.
        wraps: whether the domain is periodic.
        operator: whether there is a step operator.
    """

    steps: Amount
    channels: Amount
    height: Amount
    width: Amount
    wraps: Amount = True
    operator: Amount = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """The least that a feature needs; without it there is no value, whatever the states are.

    Attributes:
        steps: saved times.
        channels: of the state.
        height, width: cells along one axis.
        longer_side: cells along the longer axis.
        wraps: a domain that is periodic.
        square: a height that equals the width.
        operator: the step operator.
        plane: two axes, to say anything: along a single one the feature is there, but one number for all states.
    """

    steps: int = 1
    channels: int = 1
    height: int = 1
    width: int = 1
    longer_side: int = 1
    wraps: bool = False
    square: bool = False
    operator: bool = False
    plane: bool = False

    def unmet(self, setting: Setting) -> dict[str, Amount]:
        """Reason → whether (or for which rollouts) the setting has less than is needed."""
        return {
            "no step operator": self.operator > setting.operator,
            "one channel": self.channels > setting.channels,
            "too few steps": self.steps > setting.steps,
            "one column of cells": self.width > setting.width,
            "one row of cells": self.height > setting.height,
            "too few cells": self.longer_side > np.maximum(setting.height, setting.width),
            "the domain does not wrap around": self.wraps > setting.wraps,
            "height and width differ": self.square > (setting.height == setting.width),
        }

    @property
    def words(self) -> tuple[str, ...]:
        """When there is no value, as parts of a sentence: "with one channel", "with fewer than 6 saved times"."""
        parts = {
            "without a step operator": self.operator,
            _fewer(self.channels, "with one channel", "channels"): self.channels > 1,
            _fewer(self.steps, "with one saved time", "saved times"): self.steps > 1,
            _fewer(self.width, "with one column of cells", "columns of cells"): self.width > 1,
            _fewer(self.height, "with one row of cells", "rows of cells"): self.height > 1,
            _fewer(self.longer_side, "without extent in space", "cells along the longer side"): self.longer_side > 1,
            "in domains that do not wrap around": self.wraps,
            "where height and width differ": self.square,
        }
        return tuple(words for words, is_needed in parts.items() if is_needed)


NOTHING = Needs()
"""Of a feature that has a value for every rollout."""


def _fewer(least: int, than_two: str, what: str) -> str:
    return than_two if least == 2 else f"with fewer than {least} {what}"
