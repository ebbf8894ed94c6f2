"""SparseBEV that predicts with its exported graphs."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.deploy.graph_host import Run
from sparse3d.deploy.image_sizes import image_size_of
from sparse3d.models.backbones.seen_images import SeenImages
from sparsebev.detector import SparseBEV
from sparsebev.feature_cache import FeatureCache, FrameMaps
from sparsebev.views import Views


def host(detector: SparseBEV, config: Config, graphs: Mapping[str, Run]) -> None:
    """Replace backbone, pyramid and decoder; who drives a sequence goes on driving."""
    made = SparseBEVHost(detector, image_size_of(config), graphs)
    # Found before the methods of the class.
    detector.maps_of_images, detector.detect = made.maps_of_images, made.detect


class SparseBEVHost:
    """Detections by the graphs, one sample after the other.

    Args:
        detector: whose preprocessor and head's options stay in use.
        image_size: height and width of the graphs' images.
        graphs: ``first_frame`` and ``next_frame``, or ``image_encoder`` and ``decoder``.

    Attributes:
        cache: maps of earlier frames, so that none is made twice.
    """

    def __init__(self, detector: SparseBEV, image_size: tuple[int, int],
                 graphs: Mapping[str, Run]) -> None:
        self.detector, self.image_size, self.graphs = detector, image_size, graphs
        self.cache = FeatureCache(4 * detector.num_frames)

    def maps_of_images(self, images: Tensor, mask: bool = True,
                       seen: SeenImages | None = None) -> list[Tensor]:
        """The images [M, 3, H, W] themselves: the graphs make maps of them in :meth:`detect`."""
        return [images]

    @torch.no_grad()
    def detect(self, maps: Sequence[Tensor], views: Views) -> list[InstanceData]:
        """As :meth:`SparseBEV.detect`, from the images [B, T*N, 3, H, W] of :meth:`maps_of_images`.
        """
        lidar2img = views.lidar2img
        if views.valid is not None:
            lidar2img = lidar2img.masked_fill(~views.valid[..., None, None], 0)
        rows = []
        for sample, images in enumerate(maps[0]):
            frames = images.unflatten(0, (self.detector.num_frames, -1))
            given = dict(lidar2img=lidar2img[sample:sample + 1], age=views.age[sample:sample + 1])
            outputs = self._outputs(frames, given)
            rows += self.detector.bbox_head.detections(
                {name: [outputs[name]] for name in ('logits', 'codes')})
        return rows

    def _outputs(self, frames: Tensor, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Outputs from the frames [T, N, 3, H, W] of a sample, newest first."""
        stream = 'next_frame' in self.graphs
        found = self.cache.maps(frames[1:] if stream else frames,
                                lambda frame: self._encoded(frame, given))
        levels = [torch.cat(level) for level in zip(*found, strict=True)]
        if not stream:
            return self.graphs['decoder']({**given, **{
                f'map_{number}': level[None] for number, level in enumerate(levels)}})
        if not levels:  # one frame: nothing is kept
            return self.graphs['first_frame']({'images': self._loaded(frames[0]), **given})
        return self.graphs['next_frame']({'images': self._loaded(frames[0]), **given, **{
            f'kept_{number}': level for number, level in enumerate(levels)}})

    def _encoded(self, frame: Tensor, given: Mapping[str, Tensor]) -> FrameMaps:
        """Maps L x [N, C, H_l, W_l] of the images [N, 3, H, W] of an earlier frame."""
        graph = self.graphs.get('image_encoder')
        outputs = graph({'images': self._loaded(frame)}) if graph is not None else \
            self.graphs['first_frame']({'images': self._loaded(frame), **given})
        return tuple(outputs[f'map_{number}'] for number in range(
            sum(name.startswith('map_') for name in outputs)))

    def _loaded(self, images: Tensor) -> Tensor:
        return self.detector.data_preprocessor.as_loaded(images, self.image_size)
