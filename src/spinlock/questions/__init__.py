"""Ask: pure functions of arrays that answer what users want to know of tokens and parameters; they know no file and no model.

search        runs that behave alike, like no other, or like most
compare       what differs between two sets of runs: the whole (energy), columns (column_differences), tokens (token_changes)
changes       when a run changes what it does
forest        a forest of trees by a seed of its own, and the probabilities that it gives
proposals     wanted behaviour → places in parameter space, around runs that showed it
prediction    parameters → the distribution of tokens, with what it is worth on rows it did not see
functors      what operations do to runs, as tokens, and where it holds
relation      which of two sets of labels go together, given the system
"""
