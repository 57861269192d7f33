"""spinlock."""
