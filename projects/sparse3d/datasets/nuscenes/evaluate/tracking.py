"""nuScenes' tracking scores of a submission, against the tables.

AMOTA, AMOTP and the rest of the tracking task (https://www.nuscenes.org/tracking, configuration
``tracking_nips_2019``). The numbers are those of nuscenes-devkit 1.2.0 with py-motmetrics 1.4.0 to
1e-9, which the tests hold beside these; neither is needed here.
"""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparse3d.datasets.nuscenes.evaluate.detection_score import DetectionRules
from sparse3d.datasets.nuscenes.evaluate.evaluate import expected_tokens, read_results
from sparse3d.datasets.nuscenes.evaluate.read_boxes import vehicle_positions
from sparse3d.datasets.nuscenes.evaluate.tracking_boxes import (
    TRACKING_CLASSES,
    Samples,
    read_object_tracks,
    read_tracks,
)
from sparse3d.datasets.nuscenes.evaluate.tracking_score import (
    METRICS,
    TrackingRules,
    over_classes,
    tracking_score,
)
from sparse3d.datasets.nuscenes.prepare.table_reader import NuScenesTables
from sparse3d.errors import ConfigError

RULES = {'tracking_nips_2019': TrackingRules()}
_SHOWN = ('amota', 'amotp', 'recall', 'mota', 'motp', 'ids', 'frag', 'mt', 'ml', 'fp', 'fn')


@dataclass(frozen=True)
class NuScenesTrackingResult:
    """Scores of a split, as the nuscenes-devkit reports them.

    Attributes:
        summary: ``label_metrics`` (metric to class to number) and every metric over all classes:
            what the devkit calls ``metrics_summary.json``.
        details: class to metric to one number per recall, the highest first; NaN where a recall
            is not reached.
    """

    summary: dict
    details: dict

    @property
    def scores(self) -> dict[str, float]:
        """AMOTA, AMOTP, MOTA, IDS, ... and per class ``car_AMOTA``, ..."""
        scores = {name.upper(): float(self.summary[name]) for name in METRICS}
        return scores | {f'{label}_{name.upper()}': float(value) for name in METRICS
                         for label, value in self.summary['label_metrics'][name].items()}

    def table(self) -> str:
        """One row per class, then all of them."""
        head = f'{"class":<12}' + ''.join(f'{name.upper():>8}' for name in _SHOWN)
        labels = self.summary['label_metrics']
        rows = [(label, [labels[name][label] for name in _SHOWN]) for label in TRACKING_CLASSES]
        rows.append(('all', [self.summary[name] for name in _SHOWN]))
        return '\n'.join([head, '-' * len(head), *(
            f'{label:<12}' + ''.join(f'{value:8.3f}' if place < 5 else f'{value:8.0f}'
                                     for place, value in enumerate(values))
            for label, values in rows)])


def evaluate_nuscenes_tracking(submission: Mapping | str | os.PathLike, tables: NuScenesTables,
                               split: str, config: str = 'tracking_nips_2019',
                               tokens: Sequence[str] | None = None) -> NuScenesTrackingResult:
    """Score tracks on a split of the official benchmark, or on own samples.

    Args:
        submission: its content or its file; every sample of the split must be in it.
        tables: see :func:`sparse3d.datasets.nuscenes.prepare.tables.open_tables`; the devkit's
            ``NuScenes`` serves as well.
        split: ``'val'``, ``'mini_val'``, ... as the devkit names them.
        config: ``'tracking_nips_2019'``, the only one that the benchmark has.
        tokens: of the samples to score, if they are no split of nuScenes; ``split`` is then a
            name for messages.

    Raises:
        ConfigError: for another configuration.
        DataError: for a submission that nuScenes would refuse, or a split without annotations.
    """
    if config not in RULES:
        raise ConfigError(f"{config!r} is no configuration of nuScenes' tracking benchmark; there "
                          f'is {", ".join(RULES)}')
    rules = RULES[config]
    results = read_results(submission)['results']
    samples = Samples.of(tables, expected_tokens(set(results), tables, split, tokens))
    positions = vehicle_positions(tables, samples.tokens)
    limits = DetectionRules(max_boxes_per_sample=rules.max_boxes_per_sample)
    pred = read_tracks(results, samples, positions, limits, tables)
    gt = read_object_tracks(tables, samples, positions, limits)
    labels, curves = tracking_score(pred, gt, samples, rules)
    details = {name: {metric: values.tolist() for metric, values in of.items()}
               for name, of in curves.items()}
    return NuScenesTrackingResult(dict(label_metrics=labels, **over_classes(labels)), details)
