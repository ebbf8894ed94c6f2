"""What data is: boxes, cameras, keypoints, detections. No pictures, no data sets."""
from sparse3d.structures import (  # noqa: F401  (registers plain formats)
    detection_numbers,
    own_results,
)
