"""The table of systems; a configuration names what is in it."""

from spinlock.core.registry import Registry
from spinlock.dynamics.automata.elementary import ElementaryAutomaton
from spinlock.dynamics.automata.larger_than_life import LargerThanLife
from spinlock.dynamics.automata.lenia import Lenia
from spinlock.dynamics.automata.life_like import LifeLikeAutomaton
from spinlock.dynamics.cnn import StochasticCNN
from spinlock.dynamics.coupled_map import CoupledMapLattice
from spinlock.dynamics.pde.advection import Advection
from spinlock.dynamics.pde.advection_diffusion import AdvectionDiffusion
from spinlock.dynamics.pde.allen_cahn import AllenCahn
from spinlock.dynamics.pde.burgers import Burgers
from spinlock.dynamics.pde.cahn_hilliard import CahnHilliard
from spinlock.dynamics.pde.complex_ginzburg_landau import ComplexGinzburgLandau
from spinlock.dynamics.pde.diffusion import Diffusion
from spinlock.dynamics.pde.dispersion import Dispersion
from spinlock.dynamics.pde.fisher_kpp import FisherKPP
from spinlock.dynamics.pde.fitzhugh_nagumo import FitzHughNagumo
from spinlock.dynamics.pde.gray_scott import GrayScott
from spinlock.dynamics.pde.korteweg_de_vries import KortewegDeVries
from spinlock.dynamics.pde.kuramoto_sivashinsky import KuramotoSivashinsky
from spinlock.dynamics.pde.navier_stokes_decaying import NavierStokesDecaying
from spinlock.dynamics.pde.navier_stokes_kolmogorov import NavierStokesKolmogorov
from spinlock.dynamics.pde.swift_hohenberg import SwiftHohenberg
from spinlock.dynamics.pde.wave import Wave
from spinlock.dynamics.system import System
from spinlock.dynamics.u_afno import UAFNO

SYSTEMS: Registry[System] = Registry(
    "system",
    {
        "cnn": StochasticCNN,
        "u_afno": UAFNO,
        "advection_diffusion": AdvectionDiffusion,
        "gray_scott": GrayScott,
        "kuramoto_sivashinsky": KuramotoSivashinsky,
        "swift_hohenberg": SwiftHohenberg,
        "fitzhugh_nagumo": FitzHughNagumo,
        "complex_ginzburg_landau": ComplexGinzburgLandau,
        "advection": Advection,
        "diffusion": Diffusion,
        "dispersion": Dispersion,
        "wave": Wave,
        "burgers": Burgers,
        "korteweg_de_vries": KortewegDeVries,
        "fisher_kpp": FisherKPP,
        "allen_cahn": AllenCahn,
        "cahn_hilliard": CahnHilliard,
        "navier_stokes_decaying": NavierStokesDecaying,
        "navier_stokes_kolmogorov": NavierStokesKolmogorov,
        "elementary_automaton": ElementaryAutomaton,
        "life_like_automaton": LifeLikeAutomaton,
        "larger_than_life": LargerThanLife,
        "lenia": Lenia,
        "coupled_map_lattice": CoupledMapLattice,
    },
)
