"""The part of SparseBEV that an inference engine runs: feature maps and matrices in, boxes out."""
from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from sparse3d.structures.cameras import Cameras
from sparsebev.head import SparseBEVHead
from sparsebev.views import Views


class DeployableSparseBEV(nn.Module):
    """All decoder passes of a head for one sample, in operators that every engine has.

    Args:
        head: of a detector; it is copied and left as it is.
        image_size: height and width of the padded images that ``lidar2img`` projects to.
    """

    def __init__(self, head: SparseBEVHead, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.head, self.image_size = copy.deepcopy(head).eval(), tuple(image_size)
        self.head.layer.sampling.backend = 'reference'  # the others use a weighted sum of rows
        self.eval()

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """``logits`` [1, Q, K] and ``codes`` [1, Q, 10] of the last pass.

        Args:
            inputs: ``map_0``, ``map_1``, ...: [1, T*N, C, H_l, W_l], newest frame first;
                ``lidar2img`` [1, T, N, 4, 4] from the LiDAR frame of now, zeros where an image
                is missing; ``age`` [1, T] seconds.
        """
        maps = [inputs[f'map_{level}'] for level in range(self.head.num_levels)]
        cameras = Cameras.of_matrices(inputs['lidar2img'].flatten(1, 2), self.image_size)
        views = Views(cameras, inputs['age'])
        found = self.head(maps, views)
        return {name: found[name][-1] for name in ('logits', 'codes')}

    @torch.no_grad()
    def inputs_of(self, maps: list[Tensor], views: Views) -> dict[str, Tensor]:
        """Inputs by name from the maps of all frames and what is known of their cameras."""
        lidar2img = views.lidar2img
        if views.valid is not None:
            lidar2img = lidar2img.masked_fill(~views.valid[..., None, None], 0)
        return {**{f'map_{level}': part for level, part in enumerate(maps)},
                'lidar2img': lidar2img, 'age': views.age}
