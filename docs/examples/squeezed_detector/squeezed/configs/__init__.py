"""Configs of squeezed."""
