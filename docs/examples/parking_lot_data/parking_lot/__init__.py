"""Parking lots under one LiDAR."""
