"""Names of the Argoverse 2 sensor data set: what is detected, what is labeled beside it."""

# The 26 classes of the detection benchmark in its order, which is that of the alphabet.
CLASSES = (
    'ARTICULATED_BUS', 'BICYCLE', 'BICYCLIST', 'BOLLARD', 'BOX_TRUCK', 'BUS',
    'CONSTRUCTION_BARREL', 'CONSTRUCTION_CONE', 'DOG', 'LARGE_VEHICLE', 'MESSAGE_BOARD_TRAILER',
    'MOBILE_PEDESTRIAN_CROSSING_SIGN', 'MOTORCYCLE', 'MOTORCYCLIST', 'PEDESTRIAN',
    'REGULAR_VEHICLE', 'SCHOOL_BUS', 'SIGN', 'STOP_SIGN', 'STROLLER', 'TRUCK', 'TRUCK_CAB',
    'VEHICULAR_TRAILER', 'WHEELCHAIR', 'WHEELED_DEVICE', 'WHEELED_RIDER')
# Labeled, and not part of the benchmark.
NOT_EVALUATED = ('ANIMAL', 'OFFICIAL_SIGNALER', 'RAILED_VEHICLE', 'TRAFFIC_LIGHT_TRAILER')
# Rows that copies for scenario mining add; the recording vehicle is no object.
EGO = 'EGO_VEHICLE'

CAMERAS = (
    'ring_front_center', 'ring_front_left', 'ring_front_right', 'ring_rear_left',
    'ring_rear_right', 'ring_side_left', 'ring_side_right', 'stereo_front_left',
    'stereo_front_right')
