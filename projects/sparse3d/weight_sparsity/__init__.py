"""Weights that are zero: patterns, masks that stay, growth while training, what it saves."""
