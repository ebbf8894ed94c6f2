"""nuScenes' detection scores of a submission, against the tables."""
from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparse3d.datasets.nuscenes.categories import CLASSES
from sparse3d.datasets.nuscenes.evaluate.box_columns import BoxColumns
from sparse3d.datasets.nuscenes.evaluate.detection_score import (
    DetectionRules,
    detection_score,
    rules_named,
)
from sparse3d.datasets.nuscenes.evaluate.read_boxes import (
    read_objects,
    read_submission,
    that_count,
    vehicle_positions,
)
from sparse3d.datasets.nuscenes.prepare.table_reader import NuScenesTables
from sparse3d.datasets.nuscenes.splits import TABLES_OF, official_splits
from sparse3d.errors import DataError

ERRORS = {'trans_err': 'ATE', 'scale_err': 'ASE', 'orient_err': 'AOE', 'vel_err': 'AVE',
          'attr_err': 'AAE'}


@dataclass(frozen=True)
class NuScenesResult:
    """Scores of a split, as the nuscenes-devkit reports them.

    ``summary`` is what the devkit calls ``metrics_summary.json``: ``mean_ap``, ``nd_score``,
    ``label_aps``, ``tp_errors`` and so on. ``notes`` says what a reader should know. ``far`` is the
    average precision by class of far boxes alone, if it was asked for.
    """
    summary: dict
    notes: tuple[str, ...] = ()
    far: Mapping[str, float] | None = None

    @property
    def scores(self) -> dict[str, float]:
        """NDS, mAP, mATE, ... and per class ``car_AP``, ``car_AP_0.5``, ``car_ATE``, ..."""
        summary = self.summary
        scores = {'NDS': summary['nd_score'], 'mAP': summary['mean_ap']}
        scores |= {f'm{name}': summary['tp_errors'][key] for key, name in ERRORS.items()}
        for label, by_distance in summary['label_aps'].items():
            scores[f'{label}_AP'] = summary['mean_dist_aps'][label]
            scores |= {f'{label}_AP_{float(distance)}': value
                       for distance, value in by_distance.items()}
            scores |= {f'{label}_{name}': summary['label_tp_errors'][label][key]
                       for key, name in ERRORS.items()}
        if self.far is not None:
            scores |= {f'{label}_far_AP': value for label, value in self.far.items()}
            scores['far_mAP'] = sum(self.far.values()) / len(self.far)
        return {key: float(value) for key, value in scores.items()}

    def table(self) -> str:
        """One row per class, then the means."""
        head = f'{"class":<22}{"AP":>7}' + ''.join(f'{name:>7}' for name in ERRORS.values())
        lines = [head, '-' * len(head)]
        for label, ap in self.summary['mean_dist_aps'].items():
            errors = self.summary['label_tp_errors'][label]
            lines.append(f'{label:<22}{ap:7.3f}' + ''.join(f'{errors[key]:7.3f}'
                                                           for key in ERRORS))
        errors = self.summary['tp_errors']
        lines.append(f'{"mean":<22}{self.summary["mean_ap"]:7.3f}'
                     + ''.join(f'{errors[key]:7.3f}' for key in ERRORS))
        lines.append(f'NDS {self.summary["nd_score"]:.4f}')
        return '\n'.join(lines + [f'note: {note}' for note in self.notes])


def evaluate_nuscenes(submission: Mapping | str | os.PathLike, tables: NuScenesTables, split: str,
                      config: str = 'detection_cvpr_2019',
                      tokens: Sequence[str] | None = None,
                      far_from: float | None = None) -> NuScenesResult:
    """Score a submission on a split of the official benchmark, or on own samples.

    The numbers are those of the nuscenes-devkit 1.2.0 to 1e-9.

    Args:
        submission: its content or its file; every sample of the split must be in it.
        tables: see :func:`sparse3d.datasets.nuscenes.prepare.tables.open_tables`; the devkit's
            ``NuScenes`` serves as well.
        split: ``'val'``, ``'mini_val'``, ... as the devkit names them.
        config: ``'detection_cvpr_2019'``, the only one that the benchmark has.
        tokens: of the samples to score, if they are no split of nuScenes; ``split`` is then a
            name for messages.
        far_from: also score objects and detections from this distance [m] on alone; a detection
            just short of it then finds no object just beyond.

    Raises:
        ConfigError: for another configuration.
        DataError: for a submission that nuScenes would refuse, or a split without annotations.
    """
    rules = rules_named(config)
    results = read_results(submission)['results']
    expected = expected_tokens(set(results), tables, split, tokens)
    # The order of the submission breaks ties; of own samples, that of the tokens.
    order = list(results) if tokens is None else expected
    positions = vehicle_positions(tables, order)
    pred = read_submission({token: results[token] for token in order}, positions, rules)
    pred, gt = (that_count(boxes, rules, tables, order)
                for boxes in (pred, read_objects(tables, positions)))
    far = None
    if far_from is not None:
        beyond = [boxes.select(boxes.distance >= far_from) for boxes in (pred, gt)]
        far = detection_score(*beyond, rules)['mean_dist_aps']
    return NuScenesResult(detection_score(pred, gt, rules), notes_of(gt, rules), far)


def expected_tokens(results: set[str], tables: NuScenesTables, split: str,
                    tokens: Sequence[str] | None = None) -> list[str]:
    """Tokens of the samples of a split, which are those of the results.

    Args:
        results: tokens of the samples that the submission has.
        tables, split, tokens: as of :func:`evaluate_nuscenes`.

    Raises:
        DataError: if the submission has other samples, or the split no annotations.
    """
    expected = _sample_tokens(tables, split) if tokens is None else list(tokens)
    _refuse_no_annotations(tables, split, expected)
    if tokens is None and not tables.version.endswith(TABLES_OF[split]):
        raise DataError(f'{split} is a split of v1.0-{TABLES_OF[split]}, not of '
                        f'{tables.table_root}')
    _check_samples(results, expected, split)
    return expected


def read_results(submission: Mapping | str | os.PathLike) -> dict:
    """The content of a submission, or of its file.

    Raises:
        DataError: if it cannot be read or is none.
    """
    if not isinstance(submission, Mapping):
        try:
            submission = json.loads(Path(submission).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f'the submission {submission} cannot be read: {error}') from error
    if not isinstance(submission, Mapping) or not isinstance(submission.get('results'), Mapping):
        raise DataError('a submission holds "meta" and "results", a list of boxes per sample')
    return dict(submission)


def _sample_tokens(tables: NuScenesTables, split: str) -> list[str]:
    names = official_splits().get(split)
    if names is None:
        raise DataError(f'{split!r} is not a split of nuScenes; use val, mini_val, train, '
                        f'mini_train or test')
    scenes = {scene['token'] for scene in tables.scene if scene['name'] in set(names)}
    tokens = [sample['token'] for sample in tables.sample if sample['scene_token'] in scenes]
    return tokens


def _refuse_no_annotations(tables: NuScenesTables, split: str, tokens: Sequence[str]) -> None:
    annotated = {row['sample_token'] for row in tables.sample_annotation}
    if not annotated.intersection(tokens):
        raise DataError(f'{split} of {tables.table_root} has no annotations to score against')


def _check_samples(pred: set[str], expected: list[str], split: str) -> None:
    missing, strange = set(expected) - pred, pred - set(expected)
    if missing or strange:
        raise DataError(f'the submission lacks {len(missing)} of the {len(expected)} samples of '
                        f'{split} and has {len(strange)} others; nuScenes scores whole splits')


def notes_of(gt: BoxColumns, rules: DetectionRules) -> tuple[str, ...]:
    """What a reader of the scores should know: classes without ground truth."""
    present = {CLASSES[label] for label in set(gt.label.tolist())}
    absent = [name for name in rules.class_range if name not in present]
    if not absent:
        return ()
    return (f'no ground truth for class {", ".join(absent)}: the official AP is 0 there and '
            f'lowers the mean',)
