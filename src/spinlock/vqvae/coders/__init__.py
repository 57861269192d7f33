"""The quantisers: residual codebooks, trained networks, and joint decoding on top of either."""
