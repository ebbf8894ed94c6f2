"""Custom data: point clouds and boxes in plain files."""
