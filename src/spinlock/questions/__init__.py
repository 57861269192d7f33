"""Ask: pure functions of arrays that answer what users want to know of tokens and parameters; they know no file and no model.

forest        a forest of trees with seeds and smoothing of its own
proposals     wanted behaviour → places in parameter space, around runs that showed it
prediction    parameters → the distribution of tokens, with what it is worth on rows it did not see
relation      which of two sets of labels go together, given the system
"""
