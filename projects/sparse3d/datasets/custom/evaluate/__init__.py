"""Average precision of boxes of your own data."""
