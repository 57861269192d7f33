"""Quantise: columns of every category to tokens, coarse to fine, and back."""
