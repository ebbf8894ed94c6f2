"""What happens around the training loop: seeds, checkpoints, first validation, progress."""
from sparse3d.engine.hooks.atomic_checkpoint import AtomicCheckpointHook
from sparse3d.engine.hooks.disable_augmentation import DisableAugmentationHook
from sparse3d.engine.hooks.draw_window_ratios import DrawWindowRatiosHook
from sparse3d.engine.hooks.feature_reuse import FeatureReuseHook, reusing_features
from sparse3d.engine.hooks.learning_curves import LearningCurvesHook
from sparse3d.engine.hooks.non_finite_watch import NonFiniteLoss, NonFiniteWatchHook
from sparse3d.engine.hooks.point_statistics import PointStatisticsHook, TrainingComparisonHook
from sparse3d.engine.hooks.progress import ProgressLines
from sparse3d.engine.hooks.pruning_ramp import PruningRampHook
from sparse3d.engine.hooks.seed_every_epoch import SeedEveryEpochHook, seed_worker_from_torch
from sparse3d.engine.hooks.validate_before_training import ValidateBeforeTrainingHook
from sparse3d.engine.hooks.weight_sparsity import WeightSparsityHook

__all__ = [
    'AtomicCheckpointHook',
    'DisableAugmentationHook',
    'DrawWindowRatiosHook',
    'FeatureReuseHook',
    'LearningCurvesHook',
    'NonFiniteLoss',
    'NonFiniteWatchHook',
    'PointStatisticsHook',
    'ProgressLines',
    'PruningRampHook',
    'SeedEveryEpochHook',
    'TrainingComparisonHook',
    'ValidateBeforeTrainingHook',
    'WeightSparsityHook',
    'reusing_features',
    'seed_worker_from_torch',
]
