"""What happens around the training loop: seeds, checkpoints, first validation, progress."""
from sparse3d.hooks.fade_out import DisableAugmentationHook
from sparse3d.hooks.feature_reuse import FeatureReuseHook, reusing_features
from sparse3d.hooks.non_finite_watch import NonFiniteLoss, NonFiniteWatchHook
from sparse3d.hooks.progress_lines import ProgressLines
from sparse3d.hooks.seed_every_epoch import SeedEveryEpochHook, seed_worker_from_torch
from sparse3d.hooks.validate_before_training import ValidateBeforeTrainingHook
from sparse3d.hooks.whole_checkpoint import AtomicCheckpointHook

__all__ = ['DisableAugmentationHook', 'FeatureReuseHook', 'NonFiniteLoss', 'NonFiniteWatchHook',
           'ProgressLines', 'SeedEveryEpochHook', 'ValidateBeforeTrainingHook',
           'AtomicCheckpointHook', 'reusing_features', 'seed_worker_from_torch']
