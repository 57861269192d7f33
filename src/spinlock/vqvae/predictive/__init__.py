"""Tokens of each category alone, decoded together: what every category's tokens say about every column."""
