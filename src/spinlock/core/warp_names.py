"""The maps that a column can go through before it is standardised, by name; without torch, for settings and schemas."""

from typing import Literal, get_args

Warp = Literal["linear", "signed_log", "rank_gauss"]
WarpChoice = Literal["auto", "linear", "signed_log", "rank_gauss"]
WARPS: tuple[str, ...] = get_args(Warp)
WARP_CHOICES: tuple[str, ...] = get_args(WarpChoice)
