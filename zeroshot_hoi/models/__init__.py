"""The one door to frozen models: protocols in `base`, one file per backend, weights listed in `weights`.

Nothing here is imported until a model is asked for, and nothing is downloaded unless that is asked for too.
"""
