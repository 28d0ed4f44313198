"""The parts of the benchmarks that measure, compare and serve."""
