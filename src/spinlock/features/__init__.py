"""Featurize: one file a category, one function a feature, and the intermediates that they share.

    feature.py     what a feature is: the decorator `feature`, which gives a function its category, unit, source, needs and scale
    fields.py      `Fields`: gradients, spectra, moments, quantiles and probes of one sample, each computed once
    kernels_….py   the arithmetic behind `Fields`
    spatial.py … integrated.py
                   the eight categories; each ends with the tuple of its features, in column order
    sdf.py         the table of all of them and its registry
    extract.py     rollouts or plain arrays → features
    aggregate.py   realizations → mean, std and cv columns
    clean.py       columns that say nothing: constant, all-NaN, or a twin of another

Spatial and spectral features are one number a time step, the other six categories one number a trajectory.
"""
