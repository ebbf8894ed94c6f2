"""What is timed against what; offered by ``sparse3d_benchmarks.plugin``.

Each module offers ``run(threads=..., repeats=...)`` that returns a list of rows:
``dict(name, value, unit, baseline, ratio, note)``.
"""
