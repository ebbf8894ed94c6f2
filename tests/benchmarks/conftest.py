"""Benchmarks find the stack repaired and the core registered, as ``sparse3d_benchmarks.run`` does."""
import sparse3d.register  # noqa: F401
