"""`spinlock extract-features`: the features of rollouts that somebody else made, as a data-set file."""
