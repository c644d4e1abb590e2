"""Benchmarks that anyone can run; each prints the command that comes next."""
