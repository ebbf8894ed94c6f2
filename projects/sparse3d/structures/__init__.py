"""What data is: boxes, cameras, keypoints, detections. No pictures, no data sets."""
from sparse3d.structures import detection_numbers  # noqa: F401  (registers plain formats)
