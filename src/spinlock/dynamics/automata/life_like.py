"""Life-like automata: the eight neighbours are counted, and a rule B…/S… says what comes of it."""

import re
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import ConfigError
from spinlock.core.rollout import StepOperator
from spinlock.dynamics.automata.totalistic import outer_totalistic
from spinlock.dynamics.disturbances import FLIP_PROBABILITY, Flips
from spinlock.dynamics.parameter_space import Columns, Parameter
from spinlock.dynamics.system import System

RULES = {
    "B3/S23": 4.0,  # Conway's Life
    "B36/S23": 2.0,  # HighLife
    "B38/S23": 1.0,  # Pedestrian Life
    "B37/S23": 1.0,  # DryLife
    "B368/S245": 2.0,  # Morley (Move)
    "B368/S238": 1.0,  # LowDeath
    "B3678/S34678": 2.0,  # Day & Night
    "B35678/S5678": 1.0,  # Diamoeba
    "B4678/S35678": 1.0,  # Anneal
    "B5678/S45678": 0.5,  # Vote
    "B3678/S235678": 1.0,  # Stains
    "B45678/S2345": 1.0,  # Walled cities
    "B345/S4567": 1.0,  # Assimilation
    "B345/S5": 1.0,  # Long life
    "B357/S1358": 1.5,  # Amoeba
    "B36/S125": 1.5,  # 2x2
    "B3/S12345": 1.0,  # Maze
    "B3/S45678": 1.0,  # Coral
    "B34/S34": 1.5,  # 34 Life
    "B3457/S4568": 1.0,  # Gems minor
    "B1357/S1357": 1.5,  # Replicator
    "B1357/S02468": 1.5,  # Fredkin
    "B1/S1": 1.0,  # Gnarl
    "B2/S": 1.5,  # Seeds
    "B2/S0": 1.5,  # Live free or die
    "B234/S": 1.0,  # Serviettes
    "B25/S4": 1.0,
    "B35/S236": 1.0,
}
"""Rule → weight."""


def tables(rule: str) -> tuple[list[float], list[float]]:
    """Birth and survival of a rule for 0 to 8 live neighbours, 0 or 1 each.

    Raises:
        ConfigError: for a rule that is not of the form B…/S… with digits from 0 to 8.
    """
    match = re.fullmatch(r"B([0-8]*)/S([0-8]*)", rule)
    if match is None:
        raise ConfigError(f"a Life-like rule has the form B3/S23, with digits from 0 to 8; got '{rule}'.")
    birth, survival = ([float(str(count) in digits) for count in range(9)] for digits in match.groups())
    return birth, survival


class LifeLikeAutomaton(System):
    """Conway's Life and its relatives: gliders, ash, mazes, replicators, seething chaos.

        a dead cell is born where the number of its eight live neighbours is in B, a live one survives where it is in S

    Cells beyond the edge are those at the other side. Between integers the tables of the count are Catmull-Rom splines.
    Noise inverts cells.

    Initial condition: 1 where the field is above 0.

    Seen: soups that thin out to ash with a few seething spots (Life), islands that round off and shrink (Day & Night,
    Anneal), mazes and corals that freeze, copies of blocks that dissolve into even noise (Replicator), rings of fire.

    Source: Gardner (1970), Sci. Am. 223(4), 120; Eppstein (2010), Growth and decay in Life-like cellular automata,
    arXiv:0911.2890; names of rules: LifeWiki.
    """

    name = "life_like_automaton"
    channel_names = ("cell",)
    dt = 1.0
    domain_length = 32.0
    grows_with_grid = True
    bound = 10.0
    shares_calls = True
    disturbance = Flips
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "soup": 4.0,
        "mirrored_soup": 1.0,
        "soup_patch": 2.0,
        "life_seeds": 1.0,
        "blocks": 1.0,
        "scale_free": 1.0,
    }
    parameters = (
        Parameter(
            name="rule",
            kind="choice",
            choices=tuple(RULES),
            weights=tuple(RULES.values()),
            description="Counts at which a cell is born, and at which it survives.",
        ),
        FLIP_PROBABILITY,
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """1 where f > 0, else 0."""
        return (fields > 0).to(fields.dtype)

    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:
        """The map of states by one generation."""
        both = torch.tensor([tables(str(rule)) for rule in parameters["rule"]], dtype=like.dtype, device=like.device)
        birth, survival = both.unbind(1)
        kernel = like.new_ones(1, 3, 3)
        kernel[:, 1, 1] = 0
        return lambda states: outer_totalistic(states, kernel, birth, survival)
