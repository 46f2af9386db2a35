"""The command line of the oracle."""

import argparse
import os
import pathlib
import sys

from . import campaign


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
    parser.add_argument("--dill", default="", help="a folder with the package dill, for the peer of that name")
    parser.add_argument("--run", default="current", help="name of this run; results of an interrupted run are taken up again")
    options = parser.parse_args(arguments)
    options.modes = options.mode or ["static", "full"]
    options.strata = options.stratum or list(campaign.STRATA)
    return campaign.run(options)


if __name__ == "__main__":
    sys.exit(main())
