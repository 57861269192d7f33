"""Fit: splits, settings, training loops, and the choice of the better backend."""
