"""Measured promises: timings with a strict gate, believability, suites of the papers' protocols, a report on speed.

    python -m benchmarks                        the timings, as a table
    python -m benchmarks --gate                 fail where a row is worse than the committed baseline allows
    python -m benchmarks --update-baseline      commit today's numbers
    python -m benchmarks believability          every quality bar on 21 runs, measured from the result files alone
    python -m benchmarks sentences              thirty sentences on real meshes
    python -m benchmarks parts                  parts found by geometry against labels
    python -m benchmarks compare                ours beside what trained baselines wrote
    python -m benchmarks suite hoi_page         a paper's prompts and measures, beside the numbers it prints
    python -m benchmarks speed                  what a run costs and what limits it
    python -m benchmarks exports FOLDER         GLB and USD of every result, opened by the readers of others
    python -m benchmarks playback RESULT        frames a second that a browser draws

Real meshes are looked for in the folder that `ZEROSHOT_HOI_MESHES` names.
"""
