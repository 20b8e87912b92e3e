"""The command line of the benchmarks; see the package's docstring.

Every command is one function that declares its options and one that runs it; nothing heavy is imported before that.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console


@dataclass(frozen=True)
class Command:
    """One word after `python -m benchmarks`."""

    help: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Console], int]


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 where everything holds, 1 where a row or a bar fails, 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    _declare_timings(parser)
    words = parser.add_subparsers(dest="command")
    for name, command in COMMANDS.items():
        command.declare(words.add_parser(name, help=command.help, description=command.help))
    options = parser.parse_args(arguments)
    console = Console()
    return COMMANDS[options.command].run(options, console) if options.command else _run_timings(options, console)


def _declare_timings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", nargs="+", metavar="WORKLOAD", help="run these workloads only")
    parser.add_argument("--gate", action="store_true", help="fail where a row is worse than the baseline allows")
    parser.add_argument("--update-baseline", action="store_true", help="write today's rows to the baseline")


def _run_timings(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.gate import compare, read_baseline, write_baseline
    from benchmarks.suite import WORKLOADS, print_rows, run_workloads

    names = options.only or list(WORKLOADS)
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        console.print(f"No workload is called {', '.join(unknown)}. Known: {', '.join(WORKLOADS)}.")
        return 2
    rows = run_workloads(names, WORKLOADS)
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


def _declare_believability(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="one seed instead of three")
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="these cases only")
    parser.add_argument("--out", type=Path, default=Path("out/believability"), help="where results go")
    parser.add_argument("--reuse", action="store_true", help="measure the result files already there")


def _run_believability(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.believability import believability_table

    return believability_table(options.cases, options.quick, options.out, options.reuse, console)


def _declare_sentences(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan-only", action="store_true", help="plan and look for parts, but run nothing")
    parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="these sentences only")
    parser.add_argument("--again", action="store_true", help="run also what has a row of the same plan")
    parser.add_argument("--out", type=Path, default=Path("out/sentences"), help="where results go")


def _run_sentences(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.sentences import Options, sentences_table

    chosen = Options(tuple(options.only), options.plan_only, options.again)
    return sentences_table(chosen, options.out, console)


def _declare_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ours", metavar="DIR", help="a result file, or a folder of them")
    parser.add_argument(
        "--baseline", action="append", default=[], metavar="NAME=DIR[,format=..][,fps=..][,meshes=DIR]",
        help="what another method wrote; repeatable. The format is the name where that is chois, hoi-diff or plain",
    )  # fmt: skip
    parser.add_argument("--all-objects", action="store_true", help="also objects that not every method has")
    parser.add_argument("--out", type=Path, default=Path("out/compare"), help="where compare.csv and .html go")


def _run_compare(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.compare import run_compare

    return run_compare(options.ours, options.baseline, options.out, options.all_objects, console)


def _declare_parts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--meshes", nargs="+", metavar="NAME", help="these meshes only, such as mug")
    parser.add_argument("--anonymous", action="store_true", help="without the names that the files give their nodes")
    parser.add_argument("--absent", action="store_true", help="ask for parts that are not there, too, instead")
    parser.add_argument("--out", type=Path, default=Path("out/parts/confusion.png"), help="where the picture goes")


def _run_parts(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.absent_parts import presence_table
    from benchmarks.parts import parts_table

    if options.absent:
        return presence_table(options.meshes, options.anonymous, console)
    return parts_table(options.meshes, options.anonymous, options.out, console)


def _declare_suite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="hoi_page, interactanything, openhoi, pam, scar, or a .toml file of your own")
    parser.add_argument("--only", nargs="+", default=[], metavar="KEY", help="these prompts or groups only")
    parser.add_argument("--out", type=Path, help="where rows and results go; out/suites/NAME by default")
    parser.add_argument("--again", action="store_true", help="run also what has a row already")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, help="of every clip; the suite's own number by default")
    parser.add_argument("--clip", metavar="DIR", help="a CLIP checkpoint on disk, for the CLIP score")
    parser.add_argument("--xclip", metavar="DIR", help="an X-CLIP checkpoint on disk, for the video's score")
    parser.add_argument("--judge", metavar="MODEL", help="a vision-language model that chooses among methods")
    parser.add_argument("--base-url", help="its OpenAI-compatible server")
    parser.add_argument("--rival", action="append", default=[], metavar="NAME=DIR", help="its pictures, DIR/KEY.png")
    parser.add_argument("--results", type=Path, metavar="DIR", help="what `zeroshot-hoi evaluate --all` left there")
    parser.add_argument("--ablations", type=int, default=0, metavar="STEPS", help="fit objects alone; the paper's: 600")


def _run_suite(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.prompt_suite import SuiteOptions, suite_command
    from benchmarks.suite_networks import load_networks
    from zeroshot_hoi.core.errors import HoiError

    wrong = [text for text in options.rival if not all(text.partition("=")[::2])]
    if wrong:
        console.print(f"'{wrong[0]}' is not NAME=DIR.", markup=False)
        return 2
    rivals = {name: Path(folder) for name, _, folder in (text.partition("=") for text in options.rival)}
    try:
        networks = load_networks(options.clip, options.xclip, options.judge, options.base_url)
    except HoiError as error:
        console.print(f"error: {error}", markup=False, style="red", soft_wrap=True)
        return 2
    out = options.out or Path("out/suites") / Path(options.name).stem
    chosen = SuiteOptions(
        tuple(options.only),
        options.again,
        options.seed,
        options.frames,
        networks,
        rivals,
        options.ablations,
        options.results,
    )
    return suite_command(options.name, chosen, out, console)


def _declare_ablation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipes", nargs="+", metavar="RECIPE", help="all bundled recipes by default")
    parser.add_argument("--meshes", choices=("built-in", "real", "both"), default="both")
    parser.add_argument("--only", nargs="+", metavar="VARIANT", help="as in --only full 'no part contact'; else all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, help="of every clip; the recipe's own number by default")
    parser.add_argument("--out", type=Path, default=Path("out/ablation"), help="where rows and results go")


def _run_ablation(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.ablation_table import AblationOptions, run_ablations
    from benchmarks.left_out import VARIANTS
    from zeroshot_hoi.evaluation.cases import all_cases

    chosen = tuple(
        replace(case, seed=options.seed)
        for case in all_cases(1, options.recipes or ())
        if options.meshes == "both" or bool(case.meshes) == (options.meshes == "real")
    )
    return run_ablations(AblationOptions(chosen, tuple(options.only or VARIANTS), options.frames), options.out, console)


def _declare_speed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", nargs="+", metavar="SECTION",
                        help="stages, evaluation, energies, hoi_page, solver, scaling")  # fmt: skip
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--sample", type=int, default=3, help="steps of the paper-style loop that are timed")
    parser.add_argument("--full", action="store_true", help="run the paper-style loops to their end")
    parser.add_argument("--result", type=Path, help="a result to observe, instead of a run of lift_dumbbell")
    parser.add_argument("--out", type=Path, default=Path("out/speed.json"), help="where the lines go")


def _run_speed(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.speed import Options, run_speed

    chosen = Options(options.frames, options.sample, options.full, options.result)
    return run_speed(options.only, chosen, options.out, console)


def _declare_exports(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("places", nargs="+", type=Path, metavar="RESULT.npz|FOLDER", help="what is exported and opened")
    parser.add_argument("--step", type=int, default=1, help="play back every so many frames")
    parser.add_argument("--out", type=Path, help="where the rows go as JSON")


def _run_exports(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.exports import exports_table

    return exports_table(options.places, max(options.step, 1), options.out, console)


def _declare_playback(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("result", type=Path, help="its people and objects are repeated: two people, three objects")
    parser.add_argument("--where", nargs="+", choices=("page", "viewer"), default=["page", "viewer"], help="both")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--out", type=Path, help="where the rows go as JSON")


def _run_playback(options: argparse.Namespace, console: Console) -> int:
    from benchmarks.playback import playback_table

    return playback_table(options.result, options.where, options.seconds, options.out, console)


COMMANDS: Mapping[str, Command] = {
    "believability": Command("every quality bar on every case and seed", _declare_believability, _run_believability),
    "sentences": Command("thirty sentences on real meshes, planned without any model", _declare_sentences,
                         _run_sentences),
    "compare": Command("results of ours and of trained baselines by the same measures", _declare_compare, _run_compare),
    "parts": Command("parts found by geometry against the labeled truth", _declare_parts, _run_parts),
    "suite": Command("a paper's protocol from its prompts to its table", _declare_suite, _run_suite),
    "ablation": Command("the default pipeline without one of its parts, beside the papers' ablations",
                        _declare_ablation, _run_ablation),
    "speed": Command("what a run costs, what limits it, and a paper's loop in the same run", _declare_speed,
                     _run_speed),
    "exports": Command("every GLB through the Khronos validator, every USD through usd-core, both played back",
                       _declare_exports, _run_exports),
    "playback": Command("frames a second that a browser draws of two people and three objects", _declare_playback,
                        _run_playback),
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
