"""Configs read and checked, models built, the runner, distribution, records."""
