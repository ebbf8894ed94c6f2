"""Benchmark modules, found by name by ``sparse3d.apis.benchmark``.

Each module offers ``run(threads=..., repeats=...)`` that returns a list of rows:
``dict(name, value, unit, baseline, ratio, note)``.
"""
