"""The version, read without loading anything, and written into every file that spinlock makes."""

__version__ = "0.1.0"
