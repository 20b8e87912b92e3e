"""The one door to models of others: language models behind a server, and frozen vision models.

For the latter, protocols are in `base`, published weights in `weights`, and each backend has a file of its own; `build`
opens the one that a checkpoint's configuration names. Nothing is imported until a model is asked for, and nothing is
downloaded unless that is asked for too.
"""
