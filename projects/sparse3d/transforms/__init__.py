"""One sample: loading, augmentation, database sampling, packing."""
import sparse3d.compat.applied  # noqa: F401  (these parts rest on it)
import sparse3d.transforms.remote_backend  # noqa: F401  (registers it with mmengine)
from sparse3d.transforms.augment_images import AugmentImages
from sparse3d.transforms.augment_scene import AugmentScene
from sparse3d.transforms.class_balanced_dataset import ClassBalancedDataset
from sparse3d.transforms.epoch_sampler import EpochSampler
from sparse3d.transforms.fit_views import FitViews
from sparse3d.transforms.ground_truth_sampling import GroundTruthSampling
from sparse3d.transforms.joined_dataset import JoinedDataset
from sparse3d.transforms.keypoint_transforms import LoadKeypoints3D, RemovePointsInOtherBoxes
from sparse3d.transforms.load_multi_view_images import LoadMultiViewImages
from sparse3d.transforms.load_points import LoadPoints
from sparse3d.transforms.load_sweep_points import LoadSweepPoints
from sparse3d.transforms.load_xyz import LoadXYZPoints
from sparse3d.transforms.object_filters import KeepObjects
from sparse3d.transforms.pack_sample import PackSample
from sparse3d.transforms.sensor_failures import DropBeams, DropCameras, DropPoints
from sparse3d.transforms.shuffle_points import ShufflePoints
from sparse3d.transforms.tanh_features import TanhFeatures

__all__ = [
    'AugmentImages',
    'AugmentScene',
    'ClassBalancedDataset',
    'DropBeams',
    'DropCameras',
    'DropPoints',
    'EpochSampler',
    'FitViews',
    'GroundTruthSampling',
    'JoinedDataset',
    'KeepObjects',
    'LoadKeypoints3D',
    'LoadMultiViewImages',
    'LoadPoints',
    'LoadSweepPoints',
    'LoadXYZPoints',
    'PackSample',
    'RemovePointsInOtherBoxes',
    'ShufflePoints',
    'TanhFeatures',
]
