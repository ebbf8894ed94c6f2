"""Sparse4D that predicts with its exported graphs: of a first frame, and of every next one."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.deploy.graph_host import Run
from sparse3d.deploy.image_sizes import image_size_of
from sparse4d.deployable import CACHE, inputs_of
from sparse4d.detections import as_detections, decode
from sparse4d.detector import Sparse4D
from sparse4d.frame import Frame
from sparse4d.instance_bank import BankState, BankStep


def host(detector: Sparse4D, config: Config, graphs: Mapping[str, Run]) -> None:
    """Replace what sees and what detects; who drives a sequence goes on driving."""
    made = Sparse4DHost(detector, image_size_of(config), graphs)
    detector.seen, detector.detect = made.seen, made.detect  # found before those of the class


class Sparse4DHost:
    """Detections of one sample by the graph of a first or of a next frame.

    Args:
        detector: whose preprocessor, bank and options stay in use.
        image_size: height and width of the graphs' images.
        graphs: ``first_frame`` and ``next_frame``.
    """

    def __init__(self, detector: Sparse4D, image_size: tuple[int, int],
                 graphs: Mapping[str, Run]) -> None:
        self.detector, self.image_size, self.graphs = detector, image_size, graphs

    def seen(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None
             ) -> tuple[list[Tensor], Frame]:
        """Images [B, N, 3, H, W] in the place of feature maps, which the graphs make; the frame."""
        return [batch_inputs['imgs']], self.detector.frame_of(batch_inputs['imgs'], data_samples)

    @torch.no_grad()
    def detect(self, maps: Sequence[Tensor], frame: Frame, state: BankState | None = None
               ) -> tuple[list[InstanceData], BankState]:
        """As :meth:`Sparse4D.detect`; samples of a batch are drives of their own, which begin."""
        if len(frame) > 1:
            found = [self.detect([maps[0][sample:sample + 1]], frame.of_samples(
                         torch.tensor([sample]))) for sample in range(len(frame))]
            return [each for detections, _ in found for each in detections], found[-1][1]
        bank = self.detector.bbox_head.bank
        step = bank.get(frame, state)
        before = state if step.kept is not None and bool(step.kept) else None
        images = self.detector.data_preprocessor.as_loaded(maps[0][0], self.image_size)
        outputs = self.graphs['first_frame' if before is None else 'next_frame'](
            inputs_of(images, frame, before))
        return self._followed(outputs, frame, step)

    def _followed(self, outputs: Mapping[str, Tensor], frame: Frame, step: BankStep
                  ) -> tuple[list[InstanceData], BankState]:
        """Detections, and the state for the next frame with identities where the head has them."""
        head, ids, next_id = self.detector.bbox_head, None, step.next_id
        if head.with_ids:
            ids, next_id = head.bank.identities(step, outputs['logits'].max(-1).values.sigmoid())
        kept = {name: outputs[f'cache_{name}'][None] for name in CACHE}
        after = BankState(**kept, timestamps=frame.timestamps, lidar2global=frame.lidar2global,
                          scenes=frame.scenes, next_id=next_id,
                          ids=None if ids is None else ids[:, outputs['cache_rows']])
        options, quality = head.detection_options, outputs.get('quality')
        found = decode(outputs['logits'][0], outputs['anchors'][0],
                       None if quality is None else quality[0], None if ids is None else ids[0],
                       options, head.published.unsorted_class_scores)
        return [as_detections(found, options.track_threshold)], after
