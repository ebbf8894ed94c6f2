"""Keypoints evaluated on raw clouds and on cleaned ones, each number under its name."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmcv.transforms import BaseTransform
from mmdet3d.registry import METRICS, TRANSFORMS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from sparse3d.datasets.waymo.keypoints.evaluation import PROTOCOLS, KeypointProtocol
from sparse3d.datasets.waymo.keypoints.metric import WaymoKeypointMetric
from sparse3d.errors import ConfigError

# How the paper evaluates (Shi and Wonka, ICCV 2025).
PROTOCOLS['voxelkp'] = KeypointProtocol('iou', misses_count=False, by_frame=False)

VARIANTS = dict(
    raw='all points, as a sensor gives them',
    cleaned='points in all other labeled boxes taken out with ground truth, as published')


@TRANSFORMS.register_module()
class SetEvaluationVariant(BaseTransform):
    """Note in ``evaluation_variant`` what kind of point cloud the sample has, ``'raw'`` or
    ``'cleaned'``.

    Raises:
        ConfigError: for another kind.
    """

    def __init__(self, variant: str) -> None:
        self.variant = _known(variant)

    def transform(self, results: dict) -> dict:
        """Note the variant."""
        results['evaluation_variant'] = self.variant
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.variant!r})'


@METRICS.register_module()
class KeypointMetricByVariant(BaseMetric):
    """:class:`~sparse3d.datasets.waymo.keypoints.metric.WaymoKeypointMetric` for every kind of
    cloud.

    Samples tell their kind in the metainfo's ``evaluation_variant``
    (:class:`SetEvaluationVariant`). Keys are ``raw/waymo/PEM/ALL``, ``cleaned/voxelkp/MPJPE/ALL``
    and so on; the log has a table for each kind and protocol.

    Args:
        ann_file: info file with the ground truth.
        protocols: names of matching and averaging rules, see
            :data:`~sparse3d.datasets.waymo.keypoints.evaluation.PROTOCOLS`.
        score_threshold: predictions below it are dropped.
        evaluation_range: x, y, z minima, then maxima, in meters: people whose box has its center,
            seen from above, elsewhere count neither as labeled nor as found. For models that look
            at a part of the scene; None for all.
    """

    default_prefix = None

    def __init__(self, ann_file: str, protocols: Sequence[str] = ('voxelkp', 'waymo'),
                 score_threshold: float = 0.0, evaluation_range: Sequence[float] | None = None,
                 collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self._metrics = {
            protocol: WaymoKeypointMetric(
                ann_file, protocol, score_threshold, evaluation_range=evaluation_range
            )
            for protocol in protocols
        }
        self._reader = WaymoKeypointMetric(ann_file, score_threshold=score_threshold)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the people of a batch with their evaluation variant."""
        self._reader.process(data_batch, data_samples)
        variants = [_known(sample.get('evaluation_variant', 'raw')) for sample in data_samples]
        self.results += list(zip(variants, self._reader.results, strict=True))
        self._reader.results.clear()

    def compute_metrics(self, results: list[tuple[str, dict]]) -> dict[str, float]:
        """Evaluate each variant by each protocol."""
        scores = {}
        for variant, meaning in VARIANTS.items():
            of_variant = [
                result for evaluation_variant, result in results if evaluation_variant == variant
            ]
            if not of_variant:
                continue
            print_log(f'{variant} clouds ({meaning}): {len(of_variant)} frames', 'current')
            for protocol, metric in self._metrics.items():
                found = metric.compute_metrics(of_variant)
                scores |= {f'{variant}/{protocol}/{key}': value for key, value in found.items()}
        return scores


def _known(variant: str) -> str:
    if variant not in VARIANTS:
        raise ConfigError(f'a cloud is {" or ".join(VARIANTS)}, not {variant!r}')
    return variant
