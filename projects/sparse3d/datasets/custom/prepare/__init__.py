"""Custom clouds and boxes to info files."""
