"""What is timed against what; found by name by ``sparse3d_benchmarks.run``.

Each module offers ``run(threads=..., repeats=...)`` that returns a list of rows:
``dict(name, value, unit, baseline, ratio, note)``.
"""
import sparse3d.register  # noqa: F401
