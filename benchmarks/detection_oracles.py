"""Which part of a detector fails: its detections scored again with one part made true.

    python -m sparse3d_benchmarks.detection_oracles results_nusc.json --infos nuscenes_infos_val.pkl

reads a submission of nuScenes (``test_evaluator.submission_file`` writes one) and asks what the
score would be if one part of each detection that is near an object were that object's. What a row
gains is lost by that part. Detections are taken as they are: an oracle finds no object that the
detector overlooked, so that the last row is what better parts could give at most. "Without
doubles" is no oracle: of the detections of a class that lie close together the best stays.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import sparse3d.register  # noqa: F401
from sparse3d.datasets.nuscenes.categories import CLASSES
from sparse3d.datasets.nuscenes.evaluate.box_columns import BoxColumns
from sparse3d.datasets.nuscenes.evaluate.detection_score import DetectionRules, detection_score
from sparse3d.datasets.nuscenes.evaluate.evaluate import read_results
from sparse3d.datasets.nuscenes.evaluate.read_boxes import (
    read_objects,
    read_submission,
    that_count,
    vehicle_positions,
)
from sparse3d.datasets.nuscenes.prepare.tables import open_tables
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import wrap_angle
from sparse3d.transforms.info_files import read_info_file

NEAR = 4.0                  # meters: an object so near is the one that a detection means
BEARING = np.radians(3.0)   # of the center, seen from the vehicle


@dataclass(frozen=True)
class Scene:
    """Detections and objects of all samples.

    Attributes:
        vehicles: (S, 2) where the vehicle is in each sample, in the frame of the boxes [m].
    """

    found: BoxColumns
    objects: BoxColumns
    vehicles: np.ndarray


def as_detected(scene: Scene) -> BoxColumns:
    """The detections."""
    return scene.found


def true_distance(scene: Scene) -> BoxColumns:
    """Each detection keeps its bearing and takes the distance of an object of its class there."""
    def cost(found: BoxColumns, objects: BoxColumns, vehicle: np.ndarray) -> np.ndarray:
        angle = np.abs(wrap_angle(_bearings(found, vehicle)[:, None] - _bearings(objects, vehicle)))
        apart = np.abs(_ranges(found, vehicle)[:, None] - _ranges(objects, vehicle))
        wrong = (angle > BEARING) | (found.label[:, None] != objects.label)
        return np.where(wrong, np.inf, apart)
    partner = partners(scene, cost)
    center = scene.found.center.copy()
    rows = np.flatnonzero(partner >= 0)
    vehicle = scene.vehicles[scene.found.sample[rows]]
    seen = center[rows, :2] - vehicle
    wanted = np.linalg.norm(scene.objects.center[partner[rows], :2] - vehicle, axis=1)
    center[rows, :2] = vehicle + seen * (wanted / np.linalg.norm(seen, axis=1))[:, None]
    return replace(scene.found, center=center)


def true_center(scene: Scene) -> BoxColumns:
    """Each detection takes the center of the nearest object of its class."""
    return _of_partners(scene, _of_one_class, 'center')


def true_class(scene: Scene) -> BoxColumns:
    """Each detection takes the class of the nearest object."""
    return _of_partners(scene, _distances, 'label')


def without_doubles(scene: Scene) -> BoxColumns:
    """Of detections of a class within :data:`NEAR` of each other the one that scores highest."""
    found, kept = scene.found, []
    for sample in np.unique(found.sample):
        rows = np.flatnonzero(found.sample == sample)
        best: list[int] = []
        for row in rows[np.argsort(-found.score[rows], kind='stable')].tolist():
            alike = [other for other in best if found.label[other] == found.label[row]]
            apart = np.linalg.norm(found.center[alike, :2] - found.center[row, :2], axis=1)
            best += [] if (apart <= NEAR).any() else [row]
        kept += best
    return found.select(np.sort(np.array(kept, int)))


def _of_partners(scene: Scene, cost: Callable, column: str) -> BoxColumns:
    """The detections with a column of their partners; those without one keep theirs."""
    partner = partners(scene, cost)
    rows = partner >= 0
    values = getattr(scene.found, column).copy()
    values[rows] = getattr(scene.objects, column)[partner[rows]]
    return replace(scene.found, **{column: values})


def true_score(scene: Scene) -> BoxColumns:
    """Each detection scores what it deserves: 1 at the center of an object of its class, 0 away."""
    partner = partners(scene, _of_one_class)
    rows = np.flatnonzero(partner >= 0)
    apart = np.linalg.norm(
        scene.found.center[rows, :2] - scene.objects.center[partner[rows], :2], axis=1)
    score = np.zeros(len(scene.found))
    score[rows] = 1 - apart / NEAR
    return replace(scene.found, score=score)


def all_of_these(scene: Scene) -> BoxColumns:
    """Class, then center, then score."""
    for oracle in (true_class, true_center):
        scene = replace(scene, found=oracle(scene))
    return true_score(scene)


ORACLES: Mapping[str, Callable[[Scene], BoxColumns]] = {
    'as detected': as_detected, 'without doubles': without_doubles,
    'true distance': true_distance, 'true center': true_center,
    'true class': true_class, 'true score': true_score,
    'true class, center and score': all_of_these}


def partners(scene: Scene, cost: Callable[[BoxColumns, BoxColumns, np.ndarray], np.ndarray]
             ) -> np.ndarray:
    """The object of least cost for each detection, -1 where none has a finite one.

    Args:
        cost: of the detections (P) with the objects (G) of a sample, and the place (2,) of its
            vehicle: (P, G), infinite for what does not belong together.
    """
    partner = np.full(len(scene.found), -1)
    for sample, vehicle in enumerate(scene.vehicles):
        rows = np.flatnonzero(scene.found.sample == sample)
        there = np.flatnonzero(scene.objects.sample == sample)
        if not len(rows) or not len(there):
            continue
        costs = cost(scene.found.select(rows), scene.objects.select(there), vehicle)
        best = costs.argmin(axis=1)
        known = np.isfinite(costs[np.arange(len(rows)), best])
        partner[rows[known]] = there[best[known]]
    return partner


def _distances(found: BoxColumns, objects: BoxColumns, vehicle: np.ndarray) -> np.ndarray:
    apart = np.linalg.norm(found.center[:, None, :2] - objects.center[:, :2], axis=2)
    return np.where(apart < NEAR, apart, np.inf)


def _of_one_class(found: BoxColumns, objects: BoxColumns, vehicle: np.ndarray) -> np.ndarray:
    same = found.label[:, None] == objects.label
    return np.where(same, _distances(found, objects, vehicle), np.inf)


def _bearings(boxes: BoxColumns, vehicle: np.ndarray) -> np.ndarray:
    offset = boxes.center[:, :2] - vehicle
    return np.arctan2(offset[:, 1], offset[:, 0])


def _ranges(boxes: BoxColumns, vehicle: np.ndarray) -> np.ndarray:
    return np.linalg.norm(boxes.center[:, :2] - vehicle, axis=1)


def read_scene(submission: str, infos: str, rules: DetectionRules) -> Scene:
    """The boxes of a submission and the objects of its samples, as far as they count.

    Args:
        infos: info file of the split; the tables lie beside it.

    Raises:
        DataError: for a submission of other samples.
    """
    results, info = read_results(submission)['results'], read_info_file(infos, 'nuscenes')
    tokens = [entry['token'] for entry in info['data_list']]
    if set(results) != set(tokens):
        raise DataError(f'{submission} has {len(results)} samples and {infos} {len(tokens)}, '
                        f'{len(set(results) & set(tokens))} of them the same; give the info file '
                        f'of the split that was tested')
    tables = open_tables(Path(infos).resolve().parent, info['metainfo']['version'])
    vehicles = vehicle_positions(tables, tokens)
    found = read_submission({token: results[token] for token in tokens}, vehicles, rules)
    found, objects = (that_count(boxes, rules, tables, tokens)
                      for boxes in (found, read_objects(tables, vehicles)))
    return Scene(found, objects, np.array([vehicles[token][:2] for token in tokens]).reshape(-1, 2))


def oracle_rows(scene: Scene, rules: DetectionRules) -> list[dict[str, Any]]:
    """A row for each oracle: its name, and AP of each class that occurs."""
    shown = [CLASSES[label] for label in np.unique(scene.objects.label)]
    rows = []
    for name, oracle in ORACLES.items():
        score = detection_score(oracle(scene), scene.objects, rules)
        rows.append(dict(oracle=name, mAP=float(score['mean_ap']),
                         **{label: float(score['mean_dist_aps'][label]) for label in shown}))
    return rows


def format_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of Markdown."""
    head = list(rows[0])
    lines = [head, ['---', *['--:'] * (len(head) - 1)],
             *([row['oracle'], *(f'{row[key]:.3f}' for key in head[1:])] for row in rows)]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def main(given: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  python -m sparse3d_benchmarks.detection_oracles results_nusc.json '
               '--infos data/simulated_nuscenes/nuscenes_infos_val.pkl')
    parser.add_argument('submission', help='results in nuScenes\' format')
    parser.add_argument('--infos', required=True, help='info file of the split')
    arguments = parser.parse_args(given)
    from sparse3d.apis.command_line import run_command

    def run() -> None:
        rules = DetectionRules()
        print(format_rows(oracle_rows(
            read_scene(arguments.submission, arguments.infos, rules), rules)))
    return run_command(run)


if __name__ == '__main__':
    raise SystemExit(main())
