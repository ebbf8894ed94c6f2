"""A drive detected sample by sample: features of frames that samples share are computed once."""
from __future__ import annotations

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from sparsebev.detector import SparseBEV
from sparsebev.feature_cache import FeatureCache, state_of


def drive(detector: SparseBEV) -> DrivenSequence | None:
    """Who drives a detector through a sequence; None if it is to keep nothing.

    A :class:`sparse3d.engine.hooks.SequenceDriver`, as the plug-in names it.
    """
    return DrivenSequence(detector, detector.cache_frames) if detector.cache_frames else None


class DrivenSequence:
    """Predictions of a detector for the samples of a sequence, one call after the other.

    Each is equal to the detector's own. The cache belongs to this object and goes with it; it is
    emptied when the weights have changed, and when a sample's frames lie in another time than
    those of the sample before (another scene, a jump), since then no frame can be the same.

    Args:
        detector: in evaluation mode; in training nothing is kept.
        capacity: most frames whose features are kept.

    Attributes:
        cache: what is kept.
    """

    def __init__(self, detector: SparseBEV, capacity: int) -> None:
        self.detector, self.cache = detector, FeatureCache(capacity)
        self._span: tuple[float, float] | None = None  # [s] of the frames of the last samples

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs) -> list[Det3DDataSample]:
        """What :meth:`SparseBEV.predict` gives."""
        detector = self.detector
        views = detector.views(batch_inputs['imgs'], data_samples)
        images = views.cameras.without_missing(batch_inputs['imgs'])
        if detector.training:
            maps = detector.extract_feat(dict(imgs=images))
        else:
            self._follow(views.cameras.times[views.cameras.valid.cpu().numpy()])
            maps = self._maps(images)
        return detector.add_pred_to_datasample(data_samples, detector.detect(maps, views))

    def _follow(self, times: np.ndarray) -> None:
        """Empty the cache when nothing of it can be asked for again."""
        span = (float(times.min()), float(times.max())) if len(times) else None
        if None not in (span, self._span) and (span[0] > self._span[1] or span[1] < self._span[0]):
            self.cache.clear()
        self._span = span

    def _maps(self, images: Tensor) -> list[Tensor]:
        """Maps of a batch [B, T*N, 3, H, W]; those of images seen before are not made again."""
        detector = self.detector
        state = state_of((detector.backbone, detector.neck))
        samples = []
        for frames in images.unflatten(1, (detector.num_frames, -1)):
            found = self.cache.maps(
                frames, lambda frame: tuple(detector.maps_of_images(frame)), state)
            samples.append([torch.cat(level) for level in zip(*found, strict=True)])
        return [torch.stack(level) for level in zip(*samples, strict=True)]
