"""Cellular automata: elementary, Life-like, larger than Life, and continuous (Lenia).

Two-valued ones hold 0 and 1. Their maps are extended to real states: exact on zeros and ones, smooth between them, so
that a derivative tells how the next state depends on one cell (the Boolean derivative of Bagnoli, Rechtman & Ruffo 1992,
Phys. Lett. A 172, 34).
"""
