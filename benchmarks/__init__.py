"""Measured promises: a suite of timings with a strict gate, and the believability table.

    python -m benchmarks                        the suite, as a table
    python -m benchmarks --gate                 fail where a row is worse than the committed baseline allows
    python -m benchmarks --update-baseline      commit today's numbers
    python -m benchmarks believability          every quality bar on 21 runs, measured from the result files alone

Real meshes are looked for in the folder that `ZEROSHOT_HOI_MESHES` names.
"""
