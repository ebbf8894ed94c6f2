"""What an inference engine runs of Sparse4D: images and what is remembered in, boxes out.

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
from sparse4d.detector import Sparse4D
from sparse4d.frame import Frame
from sparse4d.instance_bank import BankState, BankStep, highest

CACHE = ('features', 'anchors', 'confidence')


class DeployableSparse4D(nn.Module):
    """Backbone, pyramid and all layers of a head for one sample, in operators of every engine.

    Args:
        detector: of v2 or v3; its head is copied and left as it is.
        image_size: height and width of the padded images that ``lidar2img`` projects to.
        first: the graph of a first frame; False: of a next one.
    """

    def __init__(self, detector: Sparse4D, image_size: tuple[int, int], first: bool) -> None:
        super().__init__()
        self.preprocessor = detector.data_preprocessor
        self.backbone, self.neck = detector.backbone, detector.neck
        self.head, self.image_size = copy.deepcopy(detector.bbox_head), tuple(image_size)
        self.first = first
        for layer in self.head.layers:
            layer.aggregation.backend = 'reference'  # the others use weighted sums of rows
        self.eval()

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of the last layer ``logits`` [1, A, K], ``anchors`` [1, A, 11] and, where it is
        predicted, ``quality`` [1, A, 2]; for the next frame ``cache_features`` [T, C],
        ``cache_anchors`` [T, 11], ``cache_confidence`` [T] and ``cache_rows`` [T].

        Args:
            inputs: ``images`` [N, 3, H, W], 0-255 in the order of channels in which they are
                loaded; ``lidar2img`` [1, N, 4, 4]; ``valid`` [1, N] bool, False where an image is
                missing. Of a next frame also ``before_features``, ``before_anchors``,
                ``before_confidence`` (the cache of the frame before), ``transforms`` [1, 4, 4]
                from its LiDAR frame to the present one, and ``elapsed`` [1] seconds.
        """
        cameras = Cameras.of_matrices(inputs['lidar2img'], self.image_size).with_valid(
            inputs['valid'])
        outputs = self.head.layers_of(self._step(inputs), self._maps(inputs, cameras), cameras)
        logits, anchors = outputs.logits[-1], outputs.anchors[-1]
        bank, own = self.head.bank, logits.max(-1).values.sigmoid()
        confidence, rows = highest(bank.decayed(outputs.step, own), bank.options.num_temporal)
        rows = rows[0]
        found = dict(logits=logits, anchors=anchors, quality=outputs.quality[-1],
                     cache_features=outputs.features[0][rows], cache_anchors=anchors[0][rows],
                     cache_confidence=confidence[0], cache_rows=rows)
        return {name: value for name, value in found.items() if value is not None}

    def _maps(self, inputs: dict[str, Tensor], cameras: Cameras) -> list[Tensor]:
        """Feature maps L x [1, N, C, H_l, W_l]."""
        images = self.preprocessor.normalize(inputs['images'])[None]
        maps = self.backbone(cameras.without_missing(images)[0])
        return [level[None] for level in (maps if self.neck is None else self.neck(maps))]

    def _step(self, inputs: dict[str, Tensor]) -> BankStep:
        """What the frame begins with."""
        bank = self.head.bank
        features, anchors = bank.instance_feature[None], bank.anchor[None]
        interval = features.new_full((1,), bank.options.first_interval)
        if self.first:
            return BankStep(features, anchors, interval)
        elapsed = inputs['elapsed']
        before = {name: inputs[f'before_{name}'][None] for name in CACHE}
        before['anchors'] = projected(before['anchors'], inputs['transforms'], elapsed,
                                      bank.quirks.swapped_yaw)
        none = torch.zeros(1, dtype=torch.float64)
        state = BankState(**before, timestamps=none, lidar2global=none)
        kept = torch.ones(1, dtype=torch.bool)
        if not bank.quirks.constant_interval:
            interval = torch.where(elapsed != 0, elapsed, interval)
        return BankStep(features, anchors, interval, state, kept)


@torch.no_grad()
def inputs_of(images: Tensor, frame: Frame, state: BankState | None = None) -> dict[str, Tensor]:
    """Inputs by name of one sample's images [N, 3, H, W]; with the state of the frame before, of
    a next frame."""
    valid = frame.cameras.valid
    found = dict(images=images, valid=valid,
                 lidar2img=frame.cameras.lidar2img.masked_fill(~valid[..., None, None], 0))
    if state is not None:
        found.update({f'before_{name}': getattr(state, name)[0] for name in CACHE},
                     transforms=frame.from_frame(state).float(),
                     elapsed=(frame.timestamps - state.timestamps).float())
    return found
