"""Features of frames computed once while a sequence is driven, by who drives it."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from torch import nn


@contextmanager
def reusing_features(model: nn.Module) -> Iterator[None]:
    """Lend a temporal model a feature cache while the block runs; other models nothing.

    A model that can use one has ``new_feature_cache()`` (a cache, or None) and an attribute
    ``feature_cache``. Outside of such a block it keeps nothing from one call to the next.

    Args:
        model: the detector, wrapped (several processes, test-time augmentation) or not.
    """
    while not hasattr(model, 'new_feature_cache') and isinstance(
            getattr(model, 'module', None), nn.Module):
        model = model.module
    if not hasattr(model, 'new_feature_cache'):
        yield
        return
    model.feature_cache = model.new_feature_cache()
    try:
        yield
    finally:
        model.feature_cache = None


@HOOKS.register_module()
class FeatureReuseHook(Hook):
    """:func:`reusing_features` for every validation and test of a Runner."""

    def __init__(self) -> None:
        self._reusing = ExitStack()

    def before_val_epoch(self, runner) -> None:
        """Begin a sequence; one that an error cut short has ended."""
        self._reusing.close()
        self._reusing.enter_context(reusing_features(runner.model))

    def after_val_epoch(self, runner, metrics=None) -> None:
        """End it."""
        self._reusing.close()

    before_test_epoch, after_test_epoch = before_val_epoch, after_val_epoch
