"""Benchmarks of mecum: what they measure and how to run them stands in `bench/README.md`. None asserts a time."""
