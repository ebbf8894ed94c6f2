"""Data of your own."""
