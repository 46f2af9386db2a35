"""The command line of the oracle."""

import argparse
import os
import pathlib
import shutil
import sys

from . import campaign, report

QUICK_NOTEBOOKS = (
    "notebooks/ols.ipynb", "notebooks/gls.ipynb", "notebooks/glm_formula.ipynb", "notebooks/stats_poisson.ipynb", "notebooks/tsa_dates.ipynb",
    "examples/repr_gallery.ipynb",
)

# The share of blocks that static sets must get right for a quick run to count.
LEAST_STATIC = 0.8


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="oracle", description="Run blocks of cells elsewhere and compare with running them here.")
    parser.add_argument("--stratum", action="append", choices=campaign.STRATA, help="only this stratum (may be repeated)")
    parser.add_argument("--blocks", type=int, default=800, help="blocks for each stratum (default 800)")
    parser.add_argument("--mode", action="append", help="static, full, or the name of a peer (may be repeated; default static and full)")
    parser.add_argument("--only", action="append", default=[], help="only notebooks whose name contains this text")
    parser.add_argument("--max-seconds", type=float, default=60, help="leave out notebooks that take longer (default 60)")
    parser.add_argument("--drop", type=int, default=0, help="for this many blocks of each stratum, try to do without each input")
    parser.add_argument("--fresh", type=float, default=0.05, help="part of the blocks that get a fresh interpreter (default 0.05)")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks at the same time (default 2)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path(".cache/nbhoist-oracle"))
    parser.add_argument("--corpus", type=pathlib.Path, default=pathlib.Path(".cache/nbhoist-corpus/notebooks"))
    parser.add_argument("--plans", default=os.environ.get("NBHOIST_PLANS", "target/release/examples/plans"), help="the program that plans blocks")
    parser.add_argument("--peers", default="peers/bin/python", help="the interpreter that has the peers installed")
    parser.add_argument("--peer-blocks", type=int, default=0, help="peers try the first of the blocks of each stratum only, so many (default: all)")
    parser.add_argument("--dill", default="", help="a folder with the package dill, for the peer of that name")
    parser.add_argument("--run", default="current", help="name of this run; results of an interrupted run are taken up again")
    parser.add_argument("--report", type=pathlib.Path, help="write the tables of the run to this file")
    parser.add_argument("--only-report", action="store_true", help="run nothing, report what there is")
    parser.add_argument("--quick", action="store_true", help="the sample for CI: a few minutes; fails on a silent escape of the full runtime")
    options = parser.parse_args(arguments)
    options.modes = options.mode or ["static", "full"]
    options.strata = options.stratum or list(campaign.STRATA)
    if options.quick:
        _quick(options)
    if not options.only_report:
        campaign.run(options)
    results = report.load(options.cache.resolve() / "runs" / options.run)
    wanted = [result for result in results if set(result["strata"]) & set(options.strata) and result["mode"] in options.modes]
    return _conclude(wanted, options)


def _quick(options):
    """What fits into CI: generated programs, and public notebooks that take a few seconds where they have been fetched."""
    options.run, options.strata, options.modes = "quick", ["ordinary", "hard", "ambient", "generated", "dirty"], ["full", "static"]
    options.blocks, options.max_seconds = 40, 4
    options.only = options.only or ["generated/", "dirty/", *QUICK_NOTEBOOKS]
    folder = options.cache / "runs" / options.run
    if folder.exists():
        shutil.rmtree(folder)


def _conclude(results, options):
    if options.report:
        about = "%d blocks; seed %d; notebooks up to %.0f s." % (len({result["key"].rsplit("|", 1)[0] for result in results}), options.seed, options.max_seconds)
        options.report.write_text(report.render(results, about), encoding="utf-8")
    silent = [result for result in report.escapes(results, "full") if result["class"] != "loud"]
    for mode in options.modes:
        of = [result for result in results if result["mode"] == mode]
        count = {kind: sum(result["class"] == kind for result in of) for kind in ("ok", "silent", "loud", "failure", "refusal", "harness")}
        print("%s: %s" % (mode, ", ".join("%d %s" % (number, kind) for kind, number in count.items())))
    for result in silent:
        print("%s cells %s: %s: %s" % (result["book"], result["cells"], result["class"], result["why"][:300]))
    if options.quick:
        right = sum(result["class"] in ("ok", "refusal") for result in results if result["mode"] == "full")
        print("%d passed, %d failed" % (right, len(report.escapes(results, "full"))))
        # Static sets miss something now and then, but not most of the time: then the oracle itself is broken.
        static = [result["class"] in ("ok", "refusal") for result in results if result["mode"] == "static"]
        return 1 if silent or not right or sum(static) < LEAST_STATIC * len(static) else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
