"""nuScenes' detection scores, computed by the nuscenes-devkit itself."""
from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nuscenes import NuScenes
from nuscenes.eval.detection import evaluate as devkit
from nuscenes.eval.detection.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.utils.splits import create_splits_scenes

from sparse3d.errors import DataError

ERRORS = {'trans_err': 'ATE', 'scale_err': 'ASE', 'orient_err': 'AOE', 'vel_err': 'AVE',
          'attr_err': 'AAE'}
_FAR_AWAY = 1e7  # [m]; beyond every range that is evaluated


@dataclass(frozen=True)
class NuScenesResult:
    """Scores of a split, as the devkit reports them.

    ``summary`` is the devkit's own ``metrics_summary.json``: ``mean_ap``, ``nd_score``,
    ``label_aps``, ``tp_errors`` and so on. ``notes`` says what a reader should know.
    """
    summary: dict
    notes: tuple[str, ...] = ()

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


def evaluate_nuscenes(submission: Mapping | str | os.PathLike, tables: NuScenes, split: str,
                      config: str = 'detection_cvpr_2019',
                      tokens: Sequence[str] | None = None) -> NuScenesResult:
    """Score a submission on a split of the official benchmark, or on own samples.

    Args:
        submission: its content or its file; every sample of the split must be in it.
        tables: of the devkit, see :func:`sparse3d.datasets.nuscenes.prepare.tables.open_tables`.
        split: of the devkit: ``'val'``, ``'mini_val'``, ...
        config: of the devkit.
        tokens: of the samples to score, if they are no split of nuScenes; ``split`` is then a
            name for messages.

    Raises:
        DataError: for a submission the devkit refuses, or a split without annotations.
    """
    submission = _read(submission)
    results = dict(submission['results'])
    expected = _sample_tokens(tables, split) if tokens is None else list(tokens)
    _refuse_no_annotations(tables, split, expected)
    _check_samples(set(results), expected, split)
    if not any(results.values()):  # the devkit cannot tell what an empty list is made of
        results[expected[0]] = [_box_out_of_range(expected[0])]
    with tempfile.TemporaryDirectory() as folder, _own_samples(tokens), \
            contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / 'results.json'
        path.write_text(json.dumps(dict(submission, results=results)))
        try:
            evaluation = DetectionEval(tables, config_factory(config), str(path), split,
                                       folder, verbose=False)
        except Exception as error:  # asserts and plain exceptions alike
            raise DataError(f'the nuScenes devkit refuses the submission for {split}: '
                            f'{error}') from error
        metrics, _ = evaluation.evaluate()
    return NuScenesResult(metrics.serialize(), notes_of(evaluation))


def _read(submission: Mapping | str | os.PathLike) -> dict:
    if not isinstance(submission, Mapping):
        try:
            submission = json.loads(Path(submission).read_bytes())
        except (OSError, ValueError) as error:
            raise DataError(f'the submission {submission} cannot be read: {error}') from error
    if not isinstance(submission, Mapping) or not isinstance(submission.get('results'), Mapping):
        raise DataError('a submission holds "meta" and "results", a list of boxes per sample')
    return dict(submission)


def _sample_tokens(tables: NuScenes, split: str) -> list[str]:
    names = create_splits_scenes().get(split)
    if names is None:
        raise DataError(f'{split!r} is not a split of nuScenes; use val, mini_val, train, '
                        f'mini_train or test')
    scenes = {scene['token'] for scene in tables.scene if scene['name'] in names}
    tokens = [sample['token'] for sample in tables.sample if sample['scene_token'] in scenes]
    return tokens


def _refuse_no_annotations(tables: NuScenes, split: str, tokens: Sequence[str]) -> None:
    annotated = {row['sample_token'] for row in tables.sample_annotation}
    if not annotated.intersection(tokens):
        raise DataError(f'{split} of {tables.table_root} has no annotations to score against')


@contextlib.contextmanager
def _own_samples(tokens: Sequence[str] | None) -> Iterator[None]:
    """Let the devkit take own samples for a split; it reads them from a file of the tables else."""
    if tokens is None:
        yield
        return
    before = devkit.is_predefined_split, devkit.get_samples_of_custom_split
    devkit.is_predefined_split = lambda split_name: False
    devkit.get_samples_of_custom_split = lambda split_name, nusc: list(tokens)
    try:
        yield
    finally:
        devkit.is_predefined_split, devkit.get_samples_of_custom_split = before


def _check_samples(pred: set[str], expected: list[str], split: str) -> None:
    missing, strange = set(expected) - pred, pred - set(expected)
    if missing or strange:
        raise DataError(f'the submission lacks {len(missing)} of the {len(expected)} samples of '
                        f'{split} and has {len(strange)} others; nuScenes scores whole splits')


def _box_out_of_range(token: str) -> dict:
    return dict(sample_token=token, translation=[_FAR_AWAY, _FAR_AWAY, 0.0], size=[1.0, 1.0, 1.0],
                rotation=[1.0, 0.0, 0.0, 0.0], velocity=[0.0, 0.0], detection_name='car',
                detection_score=0.0, attribute_name='vehicle.parked')


def notes_of(evaluation: DetectionEval) -> tuple[str, ...]:
    """What a reader of the scores should know: classes without ground truth."""
    present = {box.detection_name for box in evaluation.gt_boxes.all}
    absent = [name for name in evaluation.cfg.class_names if name not in present]
    if not absent:
        return ()
    return (f'no ground truth for class {", ".join(absent)}: the official AP is 0 there and '
            f'lowers the mean',)
