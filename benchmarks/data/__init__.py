"""What gives the benchmarks their data: pinned archives, and the real sets out of them."""
