"""Ground-truth sampling switched off for the last epochs of a training."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook

from sparse3d.errors import ConfigError
from sparse3d.transforms.augment_scene import AugmentScene
from sparse3d.transforms.epoch_sampler import EpochSampler
from sparse3d.transforms.ground_truth_sampling import GroundTruthSampling


@HOOKS.register_module()
class DisableAugmentationHook(Hook):
    """Let the last epochs see real scenes alone: no objects of other frames are added.

    Running worker processes follow, since they see the epoch; a resumed training fades out
    in the same epoch as an uninterrupted one.

    Args:
        last_epochs: how many.
        scene: scenes are not flipped, turned, stretched or moved in these epochs either.

    Raises:
        ConfigError: before the training, if its pipeline has no ``GroundTruthSampling``, its
            sampler tells no epoch, or there are fewer epochs than that.

    Source: the "fade strategy" of PointAugmenting (CVPR 2021).
    """

    priority = 'NORMAL'

    def __init__(self, last_epochs: int = 5, scene: bool = False) -> None:
        self.last_epochs, self.scene = last_epochs, scene

    def before_train(self, runner) -> None:
        """Tell every ``GroundTruthSampling`` when to stop."""
        stop = runner.max_epochs - self.last_epochs
        if not 0 <= stop <= runner.max_epochs:
            raise ConfigError(
                f'DisableAugmentationHook: there are no last {self.last_epochs} epochs in '
                f'a training of {runner.max_epochs}'
            )
        transforms = list(_transforms(runner.train_dataloader.dataset))
        samplings = [item for item in transforms if isinstance(item, GroundTruthSampling)]
        if not samplings:
            raise ConfigError(
                'DisableAugmentationHook: the training pipeline has no GroundTruthSampling to '
                'fade out; remove the hook'
            )
        if not isinstance(runner.train_dataloader.sampler, EpochSampler):
            raise ConfigError(
                "DisableAugmentationHook needs sampler=dict(type='EpochSampler', shuffle=True), "
                'which tells the data set its epoch'
            )
        motions = [item for item in transforms if isinstance(item, AugmentScene)]
        for transform in samplings + motions * self.scene:
            transform.stop_epoch = stop


def _transforms(dataset: Any) -> Iterator[Any]:
    """Every transform of a dataset, of what it wraps and of what they wrap."""
    for inner in (getattr(dataset, 'dataset', None), *(getattr(dataset, 'datasets', None) or ())):
        if inner is not None:
            yield from _transforms(inner)
    pipeline = getattr(dataset, 'pipeline', None)
    for transform in getattr(pipeline, 'transforms', ()):
        yield transform
        yield from _transforms_inside(transform)


def _transforms_inside(transform: Any) -> Iterator[Any]:
    inside = getattr(transform, 'transforms', None)
    for item in inside if isinstance(inside, list | tuple) else ():
        yield item
        yield from _transforms_inside(item)
