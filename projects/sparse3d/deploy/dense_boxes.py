"""Heads on maps down to boxes, in operators that every engine has; suppression stays outside.

Boxes are x, y, z of the bottom's center, dx, dy, dz, yaw and perhaps the velocity, in meters and
radians, LiDAR frame. All cells (or anchors, or queries) come out; the manifest says which scores
and which suppression the detector wants of them.
"""
from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from mmdet3d.models.dense_heads import Anchor3DHead, CenterHead
from mmdet3d.structures import limit_period
from torch import Tensor, nn

from sparse3d.deploy.graphs import CommonRows
from sparse3d.errors import ConfigError
from sparse3d.models.center.bev_grid import cell_centers
from sparse3d.models.center.peaks import Peaks, local_peaks
from sparse3d.models.heads.transfusion_head import TransFusionHead
from sparse3d.structures.box_tensors import at_bottoms

PEAK_STEPS = 2 ** 16


class BoxModule(Protocol):
    """A head and its decoding.

    Attributes:
        periods, rows_by: see :class:`sparse3d.deploy.graphs.Graph`.
        without_choice: outputs that do not hang on which of equally high cells is chosen, or None
            if none does.
    """

    periods: dict[str, tuple[int, float, str | None]]
    rows_by: CommonRows | None
    without_choice: tuple[str, ...] | None

    def __call__(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """Outputs by name from the maps of the neck, for one sample."""

    def suppression(self) -> dict[str, Any]:
        """What the detector does with the boxes, for the manifest."""


def boxes_of(head: nn.Module) -> nn.Module:
    """The :class:`BoxModule` of a head.

    Raises:
        ConfigError: if there is none.
    """
    for kind, module in ((CenterHead, CenterBoxes), (Anchor3DHead, AnchorBoxes),
                         (TransFusionHead, QueryBoxes)):
        if isinstance(head, kind):
            return module(head)
    raise ConfigError(f'no graph of boxes is known for the head {type(head).__name__}; those of '
                      f'CenterHead, Anchor3DHead and TransFusionHead are')


class CenterBoxes(nn.Module):
    """All cells of a center head: ``boxes`` [T * H * W, 7 or 9], ``scores`` [T, H * W, K].

    T are the tasks; a task with fewer than K classes has scores of 0 behind them. ``turns``
    [T * H * W, 2] are the sines and cosines of the yaw, of whatever length they are.
    """

    rows_by = without_choice = None

    def __init__(self, head: CenterHead) -> None:
        super().__init__()
        self.head = head
        self.periods = {'boxes': (6, 2 * math.pi, 'turns')}

    def forward(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """See the class."""
        tasks = [outputs[0] for outputs in self.head(maps)]
        most = max(self.head.num_classes)
        boxes, scores = [], []
        for task in tasks:
            heat = _rows(task['heatmap'].sigmoid())
            boxes.append(self._boxes(task))
            scores.append(torch.nn.functional.pad(heat, (0, most - heat.shape[1])))
        turns = torch.cat([_rows(task['rot']) for task in tasks])
        return {'boxes': torch.cat(boxes), 'scores': torch.stack(scores), 'turns': turns}

    def _boxes(self, task: dict[str, Tensor]) -> Tensor:
        coder = self.head.bbox_coder
        height, width = task['heatmap'].shape[-2:]
        rows, columns = (each.flatten() for each in torch.meshgrid(
            torch.arange(height), torch.arange(width), indexing='ij'))
        offset = _rows(task['reg']) if 'reg' in task else torch.full((height * width, 2), 0.5)
        places = [(cells + offset[:, axis]) * coder.out_size_factor * coder.voxel_size[axis]
                  + coder.pc_range[axis] for axis, cells in enumerate((columns, rows))]
        size = _rows(task['dim'])
        size = size.exp() if self.head.norm_bbox else size
        turn = _rows(task['rot'])
        yaw = torch.atan2(turn[:, 0], turn[:, 1])
        columns = [*places, _rows(task['height'])[:, 0]]
        velocity = [_rows(task['vel'])] if 'vel' in task else []
        return at_bottoms(torch.cat([torch.stack(columns, 1), size, yaw[:, None], *velocity], 1))

    def suppression(self) -> dict[str, Any]:
        """Kind, numbers of the coder and of ``test_cfg``."""
        coder = self.head.bbox_coder
        return dict(kind='center', classes_of_tasks=list(self.head.num_classes),
                    coder=dict(max_num=coder.max_num, score_threshold=coder.score_threshold,
                               post_center_range=_plain(coder.post_center_range)),
                    test_cfg=_plain(self.head.test_cfg))


class AnchorBoxes(nn.Module):
    """All anchors: ``boxes`` [N, 7], ``scores`` [N, K], ``directions`` [N, 2] (logits)."""

    rows_by = without_choice = None

    def __init__(self, head: Anchor3DHead) -> None:
        super().__init__()
        self.head = head
        # Where the two directions are nearly equal either may win: half a turn is no difference.
        self.periods = {'boxes': (6, math.pi, None)}

    def forward(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """See the class."""
        scores, codes, directions = (levels[0] for levels in self.head(maps))
        anchors = self.head.get_anchors([scores.shape[-2:]], [{}])[0][0]
        anchors = anchors.reshape(-1, self.head.box_code_size)
        scores = _rows(scores).reshape(-1, self.head.num_classes)
        directions = _rows(directions).reshape(-1, 2)
        boxes = self.head.bbox_coder.decode(
            anchors, _rows(codes).reshape(-1, self.head.box_code_size))
        turned = limit_period(boxes[:, 6] - self.head.dir_offset, self.head.dir_limit_offset,
                              math.pi)
        backwards = (directions[:, 1] > directions[:, 0]).to(boxes.dtype)
        yaw = turned + self.head.dir_offset + math.pi * backwards
        boxes = torch.cat([boxes[:, :6], yaw[:, None], boxes[:, 7:]], dim=1)
        scores = scores.sigmoid() if self.head.use_sigmoid_cls else scores.softmax(-1)
        return {'boxes': boxes, 'scores': scores, 'directions': directions}

    def suppression(self) -> dict[str, Any]:
        """Kind and ``test_cfg``."""
        return dict(kind='anchors', test_cfg=_plain(self.head.test_cfg))


class QueryBoxes(nn.Module):
    """One box a query: ``boxes`` [Q, 7 or 9], ``scores`` [Q, K], ``cells`` [Q], ``heat`` [K, H, W].

    ``cells`` numbers each query's peak, class by class; ``heat`` are the logits that the peaks
    were chosen from. Peaks are compared in steps of 2 ** -16, of equal ones the first counts: where
    nothing is, all cells are alike but for the last bits, and which of them are peaks in PyTorch
    hangs on these. Where a map has fewer peaks than there are queries, the first other cells fill
    the places, with scores of 0.
    """

    without_choice = ('heat', )

    def __init__(self, head: TransFusionHead) -> None:
        super().__init__()
        if not head.beginning.has_heat:
            raise ConfigError("of TransFusionHead queries of type 'heatmap' are exported, not "
                              'those of bbox_head.queries; leave that out')
        self.head = head
        self.periods = {'boxes': (6, 2 * math.pi, None)}
        self.rows_by = CommonRows('cells', ('boxes', 'scores', 'cells'))

    def forward(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """See the class."""
        head, bev = self.head, self.head.map_of(maps)
        heat = head.heat(bev)
        peaks = self._peaks(heat)
        _, _, layers = head.decoder(head.class_encoding(bev.flatten(2), peaks),
                                    cell_centers(bev)[peaks.cells], bev)
        boxes, scores = head.decoded(layers[-1], peaks)
        cells = peaks.labels * (heat.shape[-2] * heat.shape[-1]) + peaks.cells
        return {'boxes': boxes[0], 'scores': scores[0], 'cells': cells[0], 'heat': heat[0]}

    def _peaks(self, heat: Tensor) -> Peaks:
        """Those of the head, and a choice of its own among cells that are none."""
        options = self.head.queries
        heat = heat.float().sigmoid()
        steps = (heat * PEAK_STEPS).round()
        flat = local_peaks(steps, options.unsuppressed_classes).flatten(1)
        key = flat if torch.compiler.is_exporting() else _first_of_equal(flat)
        place = key.topk(min(options.num_queries, flat.shape[1]))[1]
        scores = heat.flatten(1).gather(1, place) * (flat.gather(1, place) > 0)
        cells = heat.shape[-2] * heat.shape[-1]
        return Peaks(labels=place.div(cells, rounding_mode='floor'), cells=place % cells,
                     scores=scores)

    def suppression(self) -> dict[str, Any]:
        """Kind, range, and how doubles are removed."""
        chosen = self.head.chosen
        return dict(kind='queries', center_range=list(chosen.center_range),
                    suppression=_plain(vars(chosen.suppression)))


def _first_of_equal(values: Tensor) -> Tensor:
    """Whole numbers [1, N] made different, so that PyTorch chooses as ONNX's TopK does."""
    count = values.shape[1]
    return values.double() * count - torch.arange(count)


def _rows(values: Tensor) -> Tensor:
    """[1, C, H, W] -> [H * W, C]."""
    return values[0].permute(1, 2, 0).flatten(0, 1)


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
