"""TransFusion's LiDAR head: peaks of a heat map become queries, queries become boxes."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.models.center.heatmap_loss import RARE_BIAS
from sparse3d.models.center.peaks import Peaks
from sparse3d.models.center.predicted_iou import predicted_quality, rectified_scores
from sparse3d.models.heads.transfusion_beginnings import Beginning
from sparse3d.models.heads.transfusion_box_coder import BoxCoderOptions, TransFusionBoxCoder
from sparse3d.models.heads.transfusion_branches import PredictionBranches
from sparse3d.models.heads.transfusion_decoder import QueryDecoder
from sparse3d.models.heads.transfusion_detections import DetectionOptions, select_detections
from sparse3d.models.heads.transfusion_losses import LossOptions, heat_loss, query_losses
from sparse3d.models.heads.transfusion_queries import (
    ClassEncoding,
    FirstQueries,
    peak_scores,
    queries_of_peaks,
)
from sparse3d.models.heads.transfusion_targets import (
    QueryTargets,
    boxes_and_labels,
    heat_target,
    query_targets,
)
from sparse3d.models.query.initializations import build_queries
from sparse3d.models.query.mean_count import mean_count

BOX_OUTPUTS = dict(center=2, height=1, dim=3, rot=2, vel=2)


@dataclass(frozen=True)
class QueryOptions:
    """Which peaks become queries.

    Attributes:
        channels: of the queries, and of the map that they are read from.
        num_queries: number of queries.
        unsuppressed_classes: classes without suppression in the heat map (pedestrians, cones).
    """

    channels: int = 128
    num_queries: int = 200
    unsuppressed_classes: Sequence[int] = ()


@dataclass(frozen=True)
class RectifiedDetectionOptions(DetectionOptions):
    """What is kept of boxes whose overlap may be predicted.

    Attributes:
        iou_power: share of the predicted overlap in the final score, between 0 and 1.
    """

    iou_power: float = 0.5


@dataclass
class TransFusionOutput:
    """What the head says about a batch.

    Attributes:
        heat: [B, K, H, W] logits of the heat map; None where queries begin without one.
        peaks: of the heat map, one for each query; None without one.
        features: [B, C, H, W] the map that the queries were read from.
        queries: [B, Q, C] after the last decoder layer.
        positions: [B, Q, 2] x, y in cells where the last layer was told the queries stand: what
            its ``center`` was added to.
        layers: outputs of the branches for each decoder layer, [B, numbers, Q] by name;
            ``center`` in cells, ``heatmap`` the logits of the classes.
        beginning: the queries before the decoder.
    """

    heat: Tensor | None
    peaks: Peaks | None
    features: Tensor
    queries: Tensor
    positions: Tensor
    layers: list[dict[str, Tensor]]
    beginning: Beginning | None = field(default=None, kw_only=True)


@MODELS.register_module()
class TransFusionHead(BaseModule):
    """Detect on a BEV map with one query for each peak of its heat map, or queries that begin
    otherwise.

    Args:
        in_channels: of the map.
        num_classes: number of classes.
        bbox_coder: range and cells of the map, see :class:`BoxCoderOptions`.
        query_initialization: which peaks become queries, see :class:`QueryOptions`.
        decoder_layers: configs of the decoder layers; each is called with the queries
            [B, Q, C], their positions [B, Q, 2] in cells, and the map [B, C, H, W].
        branches: numbers of each output; ``iou`` adds the overlap with the true box, which
            then scales the scores.
        losses: weights and matching, see :class:`LossOptions`.
        detections: what is kept of the boxes, see :class:`RectifiedDetectionOptions`.
        queries: how queries begin: ``dict(type='heatmap')`` as published, ``'learned'``,
            ``'image'`` (from the map), with options of the class in
            :mod:`sparse3d.models.heads.transfusion_beginnings`, or one that somebody registered
            (:func:`~sparse3d.models.query.initializations.register_queries`).

    Source: TransFusion (CVPR 2022), section 3; released code.
    """

    argument_objects = dict(bbox_coder=BoxCoderOptions, query_initialization=QueryOptions,
                            losses=LossOptions, detections=RectifiedDetectionOptions)

    def __init__(
            self,
            in_channels: int,
            num_classes: int,
            bbox_coder: dict | BoxCoderOptions,
            query_initialization: dict | QueryOptions | None = None,
            decoder_layers: Sequence[dict] = (dict(type='MapDecoderLayer'), ),
            branches: dict[str, int] | None = None,
            losses: dict | LossOptions | None = None,
            detections: dict | RectifiedDetectionOptions | None = None,
            queries: dict | None = None,
            init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        branches = dict(branches or BOX_OUTPUTS)
        self.queries = argument_object(self, 'query_initialization', query_initialization)
        self.losses = argument_object(self, 'losses', losses)
        self.chosen = argument_object(self, 'detections', detections)
        self.coder = TransFusionBoxCoder(velocity='vel' in branches, **vars(
            argument_object(self, 'bbox_coder', bbox_coder)))
        unsuppressed, channels = self.queries.unsuppressed_classes, self.queries.channels
        if not decoder_layers or max(unsuppressed, default=0) >= num_classes:
            raise ConfigError(
                'TransFusionHead needs at least one decoder layer, and unsuppressed_classes '
                f'names classes below {num_classes}: {list(unsuppressed)}'
            )
        self.num_classes = num_classes
        self.code_weights = tuple(self.losses.code_weights)[:self.coder.code_size]
        self.shared = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.beginning = build_queries(self, queries, default='heatmap')
        if self.beginning.has_heat:
            self.heat = heat_branch(channels, num_classes)
            self.class_encoding = ClassEncoding(num_classes, channels)
        layers = [MODELS.build(dict(channels=channels, **layer)) for layer in decoder_layers]
        self.decoder = QueryDecoder(
            layers, PredictionBranches(channels, dict(branches, heatmap=num_classes)))

    def init_weights(self) -> None:
        """Xavier for the attentions, rare classes at the start."""
        super().init_weights()
        for parameter in self.decoder.layers.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        if self.beginning.has_heat:
            nn.init.constant_(self.heat[-1].bias, RARE_BIAS)
        self.decoder.branches.init_weights()

    def forward(self, features: Tensor | Sequence[Tensor]) -> TransFusionOutput:
        """Run on a map [B, in_channels, H, W], or the only map of a list."""
        return self.detect_on(self.map_of(features))

    def map_of(self, features: Tensor | Sequence[Tensor]) -> Tensor:
        """The map that heat and queries are read from, [B, C, H, W]."""
        return self.shared(features if isinstance(features, Tensor) else features[0])

    def detect_on(self, bev: Tensor) -> TransFusionOutput:
        """All that comes behind :meth:`map_of`: first queries, decoder and branches."""
        first = self.beginning(self, bev)
        queries, positions, layers = self.decoder(first.features, first.positions, bev)
        return TransFusionOutput(first.heat, first.peaks, bev, queries, positions[-2], layers,
                                 beginning=first)

    def queries_of(self, heat: Tensor, bev: Tensor) -> FirstQueries:
        """Queries from the peaks of a heat map [B, K, H, W] (logits) on a map [B, C, H, W]."""
        return queries_of_peaks(heat, bev, self.class_encoding, self.queries.num_queries,
                                self.queries.unsuppressed_classes)

    def loss(self, features: Tensor | Sequence[Tensor],
             data_samples: list[Det3DDataSample]) -> dict[str, Tensor]:
        """``loss_heatmap`` and, for each layer, ``layer_N_loss_cls`` and ``layer_N_loss_bbox``.

        Queries that begin without a heat map have no ``loss_heatmap``, and perhaps losses of
        their own.
        """
        return self.loss_of(self(features), [sample.gt_instances_3d for sample in data_samples])

    def loss_of(self, output: TransFusionOutput,
                instances: list[InstanceData]) -> dict[str, Tensor]:
        """Losses of an output; see :meth:`loss`."""
        truth = [boxes_and_labels(objects, output.features.device) for objects in instances]
        losses = {}
        if output.heat is not None:
            losses['loss_heatmap'] = self.losses.heat_weight * self.heat_loss_of(output, truth)
        if output.beginning is not None:
            losses.update(self.beginning.losses(output.beginning, [
                self.coder.grid.to_cells(boxes[:, :2]) for boxes, _ in truth]))
        for number, layer in enumerate(output.layers):
            found = self.layer_losses(layer, self.targets(layer, truth))
            losses.update({f'layer_{number}_{name}': value for name, value in found.items()})
        return losses

    def heat_loss_of(self, output: TransFusionOutput, gt: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Loss of the heat map; ``gt`` holds boxes and labels of each sample."""
        return heat_loss(output.heat, heat_target(gt, self.coder, self.num_classes))

    def layer_losses(self, layer: dict[str, Tensor], targets: QueryTargets) -> dict[str, Tensor]:
        """Losses of one layer's queries."""
        losses = query_losses(layer['heatmap'].transpose(1, 2), self.coder.stack(layer), targets,
                              self.code_weights, self.losses.box_weight)
        if 'iou' in layer:
            overlapping = targets.ious > 0
            wrong = (layer['iou'][:, 0].float() - (2 * targets.ious - 1)).abs()
            losses['loss_iou'] = (self.losses.iou_weight * (wrong * overlapping).sum()
                                  / mean_count(overlapping.sum()))
        return losses

    def targets(self, layer: dict[str, Tensor],
                gt: list[tuple[Tensor, Tensor]]) -> QueryTargets:
        """Targets of one layer's queries; ``gt`` holds boxes and labels of each sample."""
        boxes = self.coder.decode(self.coder.stack(layer).detach())
        logits = layer['heatmap'].detach().transpose(1, 2)
        return query_targets(boxes, logits, gt, self.coder, self.losses.match,
                             self.losses.iou_shift)

    def predict(self, features: Tensor | Sequence[Tensor],
                data_samples: list[Det3DDataSample]) -> list[InstanceData]:
        """``bboxes_3d``, ``scores_3d``, ``labels_3d`` of each sample."""
        return self.predict_of(self(features))

    def predict_of(self, output: TransFusionOutput) -> list[InstanceData]:
        """Detections of an output; see :meth:`predict`."""
        boxes, scores = self.decoded(output.layers[-1], output.peaks)
        return [select_detections(boxes[row], scores[row], self.chosen.center_range,
                                  self.chosen.suppression, self.chosen.range_height)
                for row in range(len(boxes))]

    def decoded(self, layer: dict[str, Tensor],
                peaks: Peaks | None) -> tuple[Tensor, Tensor]:
        """Boxes [B, Q, 7 or 9] and scores [B, Q, K] of all queries of a layer."""
        boxes = self.coder.decode(self.coder.stack(layer))
        scores = layer['heatmap'].float().sigmoid().transpose(1, 2) if peaks is None else \
            peak_scores(layer['heatmap'], peaks)
        if 'iou' in layer:
            quality = predicted_quality(layer['iou'][:, 0].float())[..., None]
            scores = rectified_scores(scores, quality, self.chosen.iou_power) * (scores > 0)
        return boxes, scores


def heat_branch(channels: int, num_classes: int) -> nn.Sequential:
    """Two convolutions from a map to the logits of a heat map, a normalization between."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
        nn.ReLU(), nn.Conv2d(channels, num_classes, 3, padding=1))
