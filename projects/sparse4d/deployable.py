"""The part of Sparse4D that an inference engine runs: maps and what is remembered in, boxes out.

Two graphs make up a drive: of the first frame, and of every next one, which takes what the frame
before gave. The host decides which of them runs (a new scene begins with the first), takes the
difference of poses and times in float64, and gives identities: row r of the next frame's cache is
row ``cache_rows[r]`` of this frame, and in this frame the first T rows were the cache.
"""
from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from sparse3d.structures.cameras import Cameras
from sparse4d.anchors import projected
from sparse4d.frame import Frame
from sparse4d.head import Sparse4DHead
from sparse4d.instance_bank import BankState, BankStep, highest

CACHE = ('features', 'anchors', 'confidence')


class DeployableSparse4D(nn.Module):
    """All layers of a head for one sample, in operators that every engine has.

    Args:
        head: of v2 or v3; it is copied and left as it is.
        image_size: height and width of the padded images that ``lidar2img`` projects to.
        first: the graph of a first frame; False: of a next one.
    """

    def __init__(self, head: Sparse4DHead, image_size: tuple[int, int], first: bool) -> None:
        super().__init__()
        self.head, self.image_size = copy.deepcopy(head).eval(), tuple(image_size)
        self.first = first
        for layer in self.head.layers:
            layer.aggregation.backend = 'reference'  # the others use weighted sums of rows
        self.eval()

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of the last layer ``logits`` [1, A, K], ``anchors`` [1, A, 11] and, where it is
        predicted, ``quality`` [1, A, 2]; for the next frame ``cache_features`` [1, T, C],
        ``cache_anchors`` [1, T, 11], ``cache_confidence`` [1, T] and ``cache_rows`` [1, T].

        Args:
            inputs: ``map_0``, ``map_1``, ...: [1, N, C, H_l, W_l]; ``lidar2img`` [1, N, 4, 4];
                ``valid`` [1, N] bool, False where an image is missing. Of a next frame also
                ``before_features``, ``before_anchors``, ``before_confidence`` (the cache of the
                frame before), ``transforms`` [1, 4, 4] from its LiDAR frame to the present one,
                and ``elapsed`` [1] seconds.
        """
        head, bank = self.head, self.head.bank
        maps = [inputs[f'map_{level}'] for level in range(head.options.num_levels)]
        cameras = Cameras.of_matrices(inputs['lidar2img'], self.image_size).with_valid(
            inputs['valid'])
        step = self._step(inputs)
        outputs = head.layers_of(step, maps, cameras)
        own = outputs.logits[-1].max(-1).values.sigmoid()
        confidence, rows = highest(bank.decayed(step, own), bank.options.num_temporal)
        found = dict(logits=outputs.logits[-1], anchors=outputs.anchors[-1],
                     quality=outputs.quality[-1],
                     cache_features=_rows(outputs.features, rows),
                     cache_anchors=_rows(outputs.anchors[-1], rows),
                     cache_confidence=confidence, cache_rows=rows)
        return {name: value for name, value in found.items() if value is not None}

    @torch.no_grad()
    def inputs_of(self, maps: list[Tensor], frame: Frame, state: BankState | None = None
                  ) -> dict[str, Tensor]:
        """Inputs by name of one sample; with the state of the frame before, of a next frame."""
        found = {f'map_{level}': part for level, part in enumerate(maps)}
        valid = frame.cameras.valid
        found.update(lidar2img=frame.cameras.lidar2img.masked_fill(~valid[..., None, None], 0),
                     valid=valid)
        if state is not None and not self.first:
            found.update({f'before_{name}': getattr(state, name) for name in CACHE})
            transforms = torch.linalg.inv(frame.lidar2global) @ state.lidar2global
            found.update(transforms=transforms.float(),
                         elapsed=(frame.timestamps - state.timestamps).float())
        return found

    def _step(self, inputs: dict[str, Tensor]) -> BankStep:
        """What the frame begins with."""
        bank = self.head.bank
        features, anchors = bank.instance_feature[None], bank.anchor[None]
        interval = features.new_full((1,), bank.options.first_interval)
        if self.first:
            return BankStep(features, anchors, interval)
        elapsed = inputs['elapsed']
        moved = projected(inputs['before_anchors'], inputs['transforms'], elapsed,
                          bank.quirks.swapped_yaw)
        none = torch.zeros(1, dtype=torch.float64)
        state = BankState(inputs['before_features'], moved, inputs['before_confidence'], none,
                          none)
        kept = torch.ones(1, dtype=torch.bool)
        return BankStep(features, anchors, torch.where(elapsed != 0, elapsed, interval), state,
                        kept)


def _rows(values: Tensor, rows: Tensor) -> Tensor:
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[-1]))
