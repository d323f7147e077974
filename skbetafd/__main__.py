"""``python -m skbetafd``: the main job."""

import argparse

from ._quickstart import main

if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m skbetafd",
        description="Fit the digits with a planted confounder, compare, print a table and save "
        "beta_curve.png in this folder. Takes no arguments; about ten seconds.",
    ).parse_args()
    main()
