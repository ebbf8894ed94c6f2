"""KITTI object detection."""
