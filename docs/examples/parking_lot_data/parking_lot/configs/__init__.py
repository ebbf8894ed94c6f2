"""Configs that train on parking lots."""
