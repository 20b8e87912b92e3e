"""The entry point of the command `zeroshot-hoi` and of `python -m zeroshot_hoi`."""

import os
import sys


def start() -> int:
    """Run the command line with one BLAS thread: OpenBLAS' threads compete with XLA's and slow the solver down."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from zeroshot_hoi.cli import main

        return main()
    except KeyboardInterrupt:  # while modules are still being imported
        print("\nInterrupted before anything was done.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(start())
