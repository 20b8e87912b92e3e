"""Pictures without a display: a z-buffer with soft shadows in Warp, automatic cameras, pleasant colors.

Nothing here knows a stage or a result; `surface.Surface` is what is drawn. Modules are imported where they are used, so
that Warp starts only when a picture is asked for.
"""
