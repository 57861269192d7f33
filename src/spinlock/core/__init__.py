"""The values that flow between the stages, and nothing else.

One word an idea, everywhere:

    sample         one system with one draw of parameters and initial condition
    realization    one stochastic run of a sample
    time           one saved state of a run
    channel, height, width
                   the axes of a state; 1-D data has height 1, 0-D data height = width = 1
    feature        one number that describes a run; `column` where it stands in a table
    category       features that belong together and are quantised together
    level          one codebook of a category: coarse, medium, fine
    token          the number of the codeword that was chosen at a level
    draw / group   samples that share one draw of parameters: splits keep them on one side

`Rollout` → `FeatureTable` → `CategoryMap` → `TokenTable`; each checks itself when it is made.
"""
