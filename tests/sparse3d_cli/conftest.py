"""Distributions that a test makes."""
from distributions import distributions  # noqa: F401  (a fixture)
