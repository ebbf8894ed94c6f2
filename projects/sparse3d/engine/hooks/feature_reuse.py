"""Features of frames computed once while a sequence is driven, by who drives it."""
from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from mmdet3d.registry import HOOKS
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from torch import nn

from sparse3d.engine.scene_sampler import SceneSampler
from sparse3d.errors import Sparse3DWarning
from sparse3d.plugins import load, plugin_of


class SequenceDriver(Protocol):
    """Detects samples one after the other and owns what it keeps between them.

    ``whole_scenes = True`` says that results follow from the samples before, so that no scene may
    be split between processes; else what is kept saves time alone.
    """

    def predict(self, batch_inputs: dict, data_samples: list, **kwargs: Any) -> list:
        """What the ``predict`` of the model alone gives."""


@contextmanager
def reusing_features(model: nn.Module) -> Iterator[SequenceDriver | None]:
    """Let the driver that a plug-in names for its model predict while the block runs.

    Before and after it the model keeps nothing from one call to the next; a model without a
    driver is left alone.

    Args:
        model: the detector, wrapped (several processes, test-time augmentation) or not.

    Yields:
        The driver, new for this block; None if there is none.
    """
    model, driver = _driven(model)
    if driver is None:
        yield None
        return
    before = vars(model).get('predict')
    model.predict = driver.predict  # found before the method of the class
    try:
        yield driver
    finally:
        del model.predict
        if before is not None:
            model.predict = before


def tell_split_scenes(driver: SequenceDriver | None, sampler: Any, parts: int) -> None:
    """Warn where the samples of a scene go to several processes, and the driver needs them whole.

    Args:
        sampler: of the samples.
        parts: number of processes.
    """
    if parts > 1 and getattr(driver, 'whole_scenes', False) and not isinstance(
            sampler, SceneSampler):
        warnings.warn(f'the samples of a scene are spread over {parts} processes, and what the '
                      f'detector remembers of the sample before is lost: scores are lower than '
                      f"those of one process; set sampler=dict(type='SceneSampler') of the data "
                      f'loader', Sparse3DWarning, stacklevel=2)


def _driven(model: nn.Module) -> tuple[nn.Module, SequenceDriver | None]:
    """The model in its wrappers that has a driver, and a new one."""
    owner = plugin_of(model)
    inner = getattr(model, 'module', None)
    if owner is not None and owner.sequence is not None:
        return model, load(owner.sequence)(model)
    return _driven(inner) if isinstance(inner, nn.Module) else (model, None)


@HOOKS.register_module()
class FeatureReuseHook(Hook):
    """:func:`reusing_features` for every validation and test of a Runner."""

    def __init__(self) -> None:
        self._reusing = ExitStack()

    def before_val_epoch(self, runner) -> None:
        """Begin a sequence; one that an error cut short has ended."""
        self._begin(runner, getattr(runner, 'val_dataloader', None))

    def after_val_epoch(self, runner, metrics=None) -> None:
        """End it."""
        self._reusing.close()

    def before_test_epoch(self, runner) -> None:
        """As :meth:`before_val_epoch`."""
        self._begin(runner, getattr(runner, 'test_dataloader', None))

    def after_test_epoch(self, runner, metrics=None) -> None:
        """End it."""
        self._reusing.close()

    def _begin(self, runner, dataloader: Any) -> None:
        self._reusing.close()
        driver = self._reusing.enter_context(reusing_features(runner.model))
        tell_split_scenes(driver, getattr(dataloader, 'sampler', None), get_world_size())
