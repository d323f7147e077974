"""What the seeded benchmarks share of their command lines: options, and the report."""

from __future__ import annotations

import argparse
from pathlib import Path


def seeded_parser(doc: str, seeds: int, *, parallel: bool = True) -> argparse.ArgumentParser:
    """Make a parser that a docstring's start describes.

    It has ``--seeds``, ``--report`` and, for a parallel benchmark, ``--jobs``.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=seeds)
    if parallel:
        parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--report", type=Path)
    return parser


def publish(text: str, path: Path | None) -> None:
    """Print a report, and write it where a path is given."""
    print(text)
    if path:
        path.write_text(text)
