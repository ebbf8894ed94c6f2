"""From the boxes of a graph to detections, by what the detector's own head does behind them.

A graph gives boxes of all cells, anchors or queries; what was decoded in it is turned back into
what the head reads, so that thresholds and suppression are the head's, not written a second time.
"""
from __future__ import annotations

from collections.abc import Mapping

import torch
from mmdet3d.models.dense_heads import Anchor3DHead, CenterHead
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.heads.transfusion_detections import select_detections
from sparse3d.models.heads.transfusion_head import TransFusionHead

Outputs = Mapping[str, Tensor]


def detections_of(head: nn.Module, outputs: Outputs, sample: Det3DDataSample,
                  map_size: tuple[int, int]) -> InstanceData:
    """Detections of one sample.

    Args:
        head: of the detector that was exported.
        outputs: of its graph, see :mod:`sparse3d.deploy.dense_boxes`.
        sample: with the type of its boxes.
        map_size: rows and columns of the map that the head reads.

    Raises:
        ConfigError: for a head without a graph.
    """
    if isinstance(head, CenterHead):
        return head.predict_by_feat(_center_maps(head, outputs, map_size), [sample.metainfo])[0]
    if isinstance(head, Anchor3DHead):
        return head.predict_by_feat(*_anchor_maps(head, outputs, map_size),
                                    batch_input_metas=[sample.metainfo])[0]
    if isinstance(head, TransFusionHead):
        chosen = head.chosen
        return select_detections(outputs['boxes'], outputs['scores'], chosen.center_range,
                                 chosen.suppression, chosen.range_height)
    raise ConfigError(f'the boxes of a {type(head).__name__} are not known')


def _center_maps(head: CenterHead, outputs: Outputs, map_size: tuple[int, int]
                 ) -> list[list[dict[str, Tensor]]]:
    """``heatmap``, ``reg``, ``height``, ``dim``, ``rot`` and perhaps ``vel`` of each task."""
    height, width = map_size
    cells, coder = height * width, head.bbox_coder
    tasks = []
    for number, count in enumerate(head.num_classes):
        boxes = outputs['boxes'][number * cells:(number + 1) * cells]
        turns = outputs['turns'][number * cells:(number + 1) * cells]
        place = torch.arange(cells)
        at = torch.stack([place % width, place.div(width, rounding_mode='floor')], 1)
        start, size = (torch.tensor(numbers[:2], dtype=torch.float64)
                       for numbers in (coder.pc_range, coder.voxel_size))
        offset = (boxes[:, :2].double() - start) / (size * coder.out_size_factor) - at
        maps = dict(heatmap=torch.logit(outputs['scores'][number, :, :count].double()).float(),
                    reg=offset.float(), height=boxes[:, 2:3] + boxes[:, 5:6] / 2,
                    dim=boxes[:, 3:6].log() if head.norm_bbox else boxes[:, 3:6], rot=turns)
        if boxes.shape[1] > 7:
            maps['vel'] = boxes[:, 7:]
        tasks.append([{name: values.T.reshape(1, -1, height, width)
                       for name, values in maps.items()}])
    return tasks


def _anchor_maps(head: Anchor3DHead, outputs: Outputs, map_size: tuple[int, int]
                 ) -> list[list[Tensor]]:
    """Scores, codes and directions of one level, as the head gives them."""
    height, width = map_size
    anchors = head.get_anchors([torch.Size(map_size)], [{}], device='cpu')[0][0]
    codes = head.bbox_coder.encode(anchors.reshape(-1, head.box_code_size), outputs['boxes'])
    return [[values.reshape(height, width, -1).permute(2, 0, 1)[None]]
            for values in (torch.logit(outputs['scores'].double()).float(), codes,
                           outputs['directions'])]
