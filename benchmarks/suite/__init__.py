"""The comparison of all methods on real sets: ``python benchmarks/suite/run.py``."""
