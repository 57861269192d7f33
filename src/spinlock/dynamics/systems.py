"""The table of systems; a configuration names what is in it."""

from spinlock.core.registry import Registry
from spinlock.dynamics.cnn import StochasticCNN
from spinlock.dynamics.pde.advection_diffusion import AdvectionDiffusion
from spinlock.dynamics.pde.complex_ginzburg_landau import ComplexGinzburgLandau
from spinlock.dynamics.pde.fitzhugh_nagumo import FitzHughNagumo
from spinlock.dynamics.pde.gray_scott import GrayScott
from spinlock.dynamics.pde.kuramoto_sivashinsky import KuramotoSivashinsky
from spinlock.dynamics.pde.swift_hohenberg import SwiftHohenberg
from spinlock.dynamics.system import System

SYSTEMS: Registry[System] = Registry(
    "system",
    {
        "cnn": StochasticCNN,
        "advection_diffusion": AdvectionDiffusion,
        "gray_scott": GrayScott,
        "kuramoto_sivashinsky": KuramotoSivashinsky,
        "swift_hohenberg": SwiftHohenberg,
        "fitzhugh_nagumo": FitzHughNagumo,
        "complex_ginzburg_landau": ComplexGinzburgLandau,
    },
)
