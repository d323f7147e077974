"""Displays in scikit-learn's manner; they need matplotlib (extra ``plots``)."""

from ._beta_path import BetaPathDisplay

__all__ = ["BetaPathDisplay"]
