"""Datasets and transforms, registered with mmdet3d."""
from sparse3d.datasets.epoch_sampler import EpochSampler
from sparse3d.datasets.ground_truth_sampling import GroundTruthSampling
from sparse3d.datasets.kitti_detection_dataset import KittiDetectionDataset
from sparse3d.datasets.load_points import LoadPoints

__all__ = ['EpochSampler', 'GroundTruthSampling', 'KittiDetectionDataset', 'LoadPoints']
