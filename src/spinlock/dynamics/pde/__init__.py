"""Equations on a periodic square, one family a file, integrated by one spectral exponential scheme."""
