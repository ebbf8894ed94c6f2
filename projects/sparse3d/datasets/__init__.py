"""Datasets and transforms, registered with mmdet3d."""
from sparse3d.datasets.augment_images import AugmentImages
from sparse3d.datasets.augment_scene import AugmentScene
from sparse3d.datasets.class_balanced_dataset import ClassBalancedDataset
from sparse3d.datasets.epoch_sampler import EpochSampler
from sparse3d.datasets.ground_truth_sampling import GroundTruthSampling
from sparse3d.datasets.joined_dataset import JoinedDataset
from sparse3d.datasets.kitti_detection_dataset import KittiDetectionDataset
from sparse3d.datasets.load_kitti_image import LoadKittiImage
from sparse3d.datasets.load_multi_view_images import LoadMultiViewImages
from sparse3d.datasets.load_points import LoadPoints
from sparse3d.datasets.load_sweep_points import LoadSweepPoints
from sparse3d.datasets.load_waymo_points import LoadWaymoPoints
from sparse3d.datasets.nuscenes_detection_dataset import NuScenesDetectionDataset
from sparse3d.datasets.nuscenes_objects import MarkUnknownVelocities
from sparse3d.datasets.object_filters import KeepObjects
from sparse3d.datasets.own_detection_dataset import CustomDetectionDataset, LoadPointFile
from sparse3d.datasets.pack_sample import PackSample
from sparse3d.datasets.people_transforms import LoadKeypoints3D, RemovePointsInOtherBoxes
from sparse3d.datasets.squash_features import TanhFeatures
from sparse3d.datasets.waymo_detection_dataset import WaymoDetectionDataset
from sparse3d.datasets.waymo_keypoint_dataset import WaymoKeypointDataset

__all__ = [
    'AugmentImages',
    'AugmentScene',
    'ClassBalancedDataset',
    'EpochSampler',
    'GroundTruthSampling',
    'JoinedDataset',
    'KeepObjects',
    'KittiDetectionDataset',
    'LoadPointFile',
    'LoadKeypoints3D',
    'LoadKittiImage',
    'LoadMultiViewImages',
    'LoadPoints',
    'LoadSweepPoints',
    'LoadWaymoPoints',
    'MarkUnknownVelocities',
    'NuScenesDetectionDataset',
    'CustomDetectionDataset',
    'PackSample',
    'RemovePointsInOtherBoxes',
    'TanhFeatures',
    'WaymoDetectionDataset',
    'WaymoKeypointDataset',
]
