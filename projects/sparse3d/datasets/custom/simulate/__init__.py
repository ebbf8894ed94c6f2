"""Simulated sweeps of any sensor anywhere, in the layout of custom data."""
