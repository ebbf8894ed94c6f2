# The small CenterPoint with weighed channels, on a simulated drive.
_base_ = [
    'sparse3d::_base_/models/centerpoint_small.py',
    'sparse3d::_base_/datasets/simulated_kitti_car.py',
    'sparse3d::_base_/schedules/onecycle_minutes.py',
    'sparse3d::_base_/default_runtime.py',
]
custom_imports = dict(imports=['squeezed.register'])

model = dict(
    type='SqueezedDetector',
    squeeze=dict(type='ChannelSqueeze', channels=96))
