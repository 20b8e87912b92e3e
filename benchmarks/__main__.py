"""The command line of the benchmarks; see the package's docstring."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 where everything holds, 1 where a row or a bar fails, 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    parser.add_argument("--only", nargs="+", metavar="WORKLOAD", help="run these workloads only")
    parser.add_argument("--gate", action="store_true", help="fail where a row is worse than the baseline allows")
    parser.add_argument("--update-baseline", action="store_true", help="write today's rows to the baseline")
    believability = commands.add_parser("believability", help="every quality bar on every case and seed")
    believability.add_argument("--quick", action="store_true", help="one seed instead of three")
    believability.add_argument("--cases", nargs="+", metavar="CASE", help="these cases only")
    believability.add_argument("--out", type=Path, default=Path("out/believability"), help="where results go")
    believability.add_argument("--reuse", action="store_true", help="measure the result files already there")
    sentences = commands.add_parser("sentences", help="thirty sentences on real meshes, planned without any model")
    sentences.add_argument("--plan-only", action="store_true", help="plan and look for parts, but run nothing")
    sentences.add_argument("--only", nargs="+", metavar="ID", dest="keys", help="these sentences only")
    sentences.add_argument("--out", type=Path, default=Path("out/sentences"), help="where results go")
    compare = commands.add_parser("compare", help="results of ours and of trained baselines by the same measures")
    compare.add_argument("--ours", metavar="DIR", help="a result file, or a folder of them")
    compare.add_argument(
        "--baseline", action="append", default=[], metavar="NAME=DIR[,format=..][,fps=..][,meshes=DIR]",
        help="what another method wrote; repeatable. The format is the name where that is chois, hoi-diff or plain",
    )  # fmt: skip
    compare.add_argument("--all-objects", action="store_true", help="also objects that not every method has")
    compare.add_argument("--out", type=Path, default=Path("out/compare"), help="where compare.csv and .html go")
    parts = commands.add_parser("parts", help="parts found by geometry against the labeled truth")
    parts.add_argument("--meshes", nargs="+", metavar="NAME", help="these meshes only, such as mug")
    parts.add_argument("--anonymous", action="store_true", help="without the names that the files give their nodes")
    parts.add_argument("--out", type=Path, default=Path("out/parts/confusion.png"), help="where the picture goes")
    options = parser.parse_args(arguments)
    console = Console()
    if options.command == "sentences":
        from benchmarks.sentences import sentences_table

        return sentences_table(options.keys, options.plan_only, options.out, console)
    if options.command == "believability":
        from benchmarks.believability import believability_table

        return believability_table(options.cases, options.quick, options.out, options.reuse, console)
    if options.command == "parts":
        from benchmarks.parts import parts_table

        return parts_table(options.meshes, options.anonymous, options.out, console)
    if options.command == "compare":
        from benchmarks.compare import run_compare

        return run_compare(options.ours, options.baseline, options.out, options.all_objects, console)
    return _suite(options, console)


def _suite(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.gate import compare, read_baseline, write_baseline
    from benchmarks.suite import WORKLOADS, print_rows, run_workloads

    names = options.only or list(WORKLOADS)
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        console.print(f"No workload is called {', '.join(unknown)}. Known: {', '.join(WORKLOADS)}.")
        return 2
    rows = run_workloads(names)
    print_rows(rows, console)
    if options.update_baseline:
        kept = {} if not options.only else {row.key: row for row in read_baseline()}
        write_baseline({**kept, **{row.key: row for row in rows}}.values())
        return 0
    if not options.gate:
        return int(any(row.value != row.value for row in rows))
    failures = compare(rows, read_baseline())
    for failure in failures:
        console.print(f"FAIL {failure}", markup=False, style="red")
    console.print("The gate holds." if not failures else f"{len(failures)} rows fail the gate.")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
