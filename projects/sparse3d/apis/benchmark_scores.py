"""The benchmark's own numbers of predicted frames, from the evaluator of the config."""
from __future__ import annotations

import io
import logging
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmdet3d.structures import Det3DDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator

from sparse3d.metrics.matching_rules import NOTHING_IGNORED, Ignored, MatchingRule

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BenchmarkScores:
    """What ``test.py`` prints of the same predictions.

    Attributes:
        values: by name, with the prefix of the benchmark.
        headline: endings of the names that a report shows first; empty for all.
        note: why there are none, or what they are of.
    """

    values: dict[str, float] = field(default_factory=dict)
    headline: tuple[str, ...] = ()
    note: str = ''

    def tables(self, names: tuple[str, ...]) -> tuple[list[str], list[list[object]]]:
        """Head and rows: classes with the headline, then what is of all classes."""
        rows: dict[str, dict[str, float]] = {}
        for key, value in self.values.items():
            short = key.rpartition('/')[2]
            owner = max((name for name in (*names, 'Overall', 'mAP')
                         if short.startswith(f'{name}_')), key=len, default='')
            column = short[len(owner) + 1:] if owner else short
            rows.setdefault(owner or 'all', {})[column] = value
        columns = [column for name in rows if name != 'all' for column in rows[name]]
        columns = [*dict.fromkeys(columns)]
        if self.headline:
            columns = [column for column in self.headline if column in columns]
        head = ['', *(column.replace('_', ' ') for column in columns)]
        table: list[list[object]] = [[name, *(rows[name].get(column, float('nan'))
                                              for column in columns)]
                                     for name in rows if name != 'all']
        return head, table

    def text(self, value: object) -> object:
        """A number as the benchmark writes it: shares of 1 with four digits, percent with two."""
        shares = max(map(abs, self.values.values()), default=0.0) <= 2
        return f'{value:.4f}' if shares and isinstance(value, float) and value == value else value

    @property
    def of_all(self) -> dict[str, float]:
        """Numbers that are of no single class, such as NDS."""
        return {key.rpartition('/')[2]: value for key, value in self.values.items()}


class BenchmarkEvaluation:
    """Collects predictions for the metrics of a config.

    Args:
        config: with ``<split>_evaluator``.
        split: whose.
        metainfo: of the data set.
    """

    def __init__(self, config: Config, split: str, metainfo: dict) -> None:
        wanted = config.get(f'{split}_evaluator')
        self._evaluator = None
        self.metrics: list[Any] = []
        self._why = f'the config has no {split}_evaluator'
        if wanted:
            self._evaluator = Evaluator(wanted)
            self._evaluator.dataset_meta = metainfo
            self.metrics = self._evaluator.metrics

    def rules(self, names: tuple[str, ...]) -> tuple[MatchingRule, ...]:
        """When a detection of each class is right; empty where no metric says it."""
        metric = next((metric for metric in self.metrics
                       if hasattr(metric, 'matching_rule')), None)
        return () if metric is None else tuple(metric.matching_rule(name) for name in names)

    def add(self, sample: dict, prediction: Det3DDataSample) -> None:
        """One more frame."""
        if self._evaluator is not None:
            self._evaluator.process(data_samples=[prediction],
                                    data_batch=pseudo_collate([sample]))

    def ignored(self, prediction: Det3DDataSample) -> Ignored:
        """What the benchmark leaves out of a frame, in the LiDAR frame of its file."""
        metric = next((metric for metric in self.metrics if hasattr(metric, 'ignored')), None)
        if metric is None:
            return NOTHING_IGNORED
        values = prediction.to_dict()
        return metric.ignored(values, np.asarray(
            values['pred_instances_3d']['bboxes_3d'].tensor.detach().cpu()))

    def scores(self, frames: int, available: int) -> BenchmarkScores:
        """The numbers, after all frames are in.

        Args:
            frames: that were added.
            available: that the split has.
        """
        if self._evaluator is None or not frames:
            return BenchmarkScores(note=self._why if frames else 'there are no frames')
        if frames < available and any(getattr(metric, 'whole_split', False)
                                      for metric in self.metrics):
            return BenchmarkScores(note=f'this benchmark scores whole splits; here are {frames} of '
                                        f'{available} frames: leave --frames out for its numbers')
        headline = next((metric.headline for metric in self.metrics
                         if hasattr(metric, 'headline')), ())
        with redirect_stdout(io.StringIO()):        # the table is in the report
            values = self._evaluator.evaluate(frames)
        part = '' if frames == available else f'of {frames} of the {available} frames alone'
        return BenchmarkScores({key: float(value) for key, value in values.items()},
                               tuple(headline), part)
