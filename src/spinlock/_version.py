"""The version, read by the build and by every file that spinlock writes."""

__version__ = "0.1.0"
