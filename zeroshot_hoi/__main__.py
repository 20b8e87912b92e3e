"""The entry point of the command `zeroshot-hoi` and of `python -m zeroshot_hoi`."""

import os
import sys

BROKEN_PIPE = 141
"""Exit code as shells have it: 128 and the number of the signal."""


def start() -> int:
    """Run the command line with one BLAS thread: OpenBLAS' threads compete with XLA's and slow the solver down."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        try:
            from zeroshot_hoi.cli import main

            return main()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:  # while modules are still being imported
        print("\nInterrupted before anything was done.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Who read the output has gone, as in `zeroshot-hoi recipes | head -1`. Python would write once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(start())
