"""Own clouds and boxes to info files."""
