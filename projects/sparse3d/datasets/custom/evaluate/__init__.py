"""Average precision of boxes of custom data."""
