"""A trial of the pictures: is it seen in them what was missed, what is false, and of which class?

Takes labeled frames of a simulated drive as if they had been detected, with mistakes put in by
chance: objects left out, boxes where nothing is, wrong classes. Some frames are drawn as pictures
and some as a video with "visualize --results", the others in the report of "analyze --results";
what was done is written down in truth.json. Somebody looks at these alone, writes answers in the
same form, and "--answers" counts how many are right.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from make_pictures import DRIVE_CONFIG, simulate_nuscenes

EXAMPLES = """\
  python tools/blind_trial.py                                     # the pictures and the truth
  python tools/blind_trial.py --answers docs/blind_trial.json     # then, whether they are right
"""
FRAMES = dict(pictures=[1, 5, 9, 13, 17], video=[2, 3, 6, 7, 10, 11, 14, 15],
              report=[0, 8, 12, 19])
KINDS = ('missed', 'false', 'wrong_class')
SEEN = 20           # points in an object that may be left out
NEAR, FAR = 6.0, 35.0   # meters from the sensor of what is changed
CLEAR = 5.0         # meters from a false box to any object
SPREAD = (0.05, 0.05, 0.02)     # meters by which other boxes are off


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f'examples:\n{EXAMPLES}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', default='data/pictures_nuscenes', metavar='FOLDER',
                        help='of the simulated drive (default: %(default)s)')
    parser.add_argument('--out', default='work_dirs/blind_trial', metavar='FOLDER',
                        help='for pictures, results and truth.json (default: %(default)s)')
    for what, rows in FRAMES.items():
        parser.add_argument(f'--{what}', type=int, nargs='*', default=rows, metavar='I',
                            help=f'frames of the drive in the {what} (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=20261130, help='(default: %(default)s)')
    parser.add_argument('--answers', metavar='FILE',
                        help='only count which of these answers are right')
    return parser.parse_args()


def make(arguments: argparse.Namespace) -> list[Path]:
    """Results with mistakes, their pictures, and truth.json."""
    from sparse3d.apis import load_config, visualize
    from sparse3d.apis.analyze import analyze
    from sparse3d.apis.predicted_frames import predict_frames
    from sparse3d.atomic_files import write_bytes_atomically
    from sparse3d.structures.detections import Detections
    out, random = Path(arguments.out), np.random.default_rng(arguments.seed)
    simulate_nuscenes(arguments.data)
    os.environ['SPARSE3D_SIMULATED_NUSCENES'] = arguments.data
    every = [*arguments.pictures, *arguments.video, *arguments.report]
    dataset, frames = predict_frames(load_config(DRIVE_CONFIG), None, every, 0.0, 'val')
    back = 0.0 if dataset.metainfo.get('forward_axis', 'x') == 'x' else np.pi / 2
    truth = {}
    for made in frames:
        found, truth[made.frame.name] = with_mistakes(made.frame, random)
        boxes = found.turned(back)
        Detections(boxes.boxes, boxes.scores, boxes.labels, made.frame.class_names,
                   name=made.frame.name).save(out / 'results' / f'{made.frame.name}.json')
    write_bytes_atomically(out / 'truth.json', (json.dumps(truth, indent=1) + '\n').encode())
    paths: list[Path] = []
    given: dict[str, Any] = dict(split='val', results=out / 'results')
    if arguments.pictures:
        paths = visualize(DRIVE_CONFIG, None, out / 'pictures', arguments.pictures, **given)
    if arguments.video:
        visualize(DRIVE_CONFIG, None, out / 'of_video', arguments.video, video=out / 'drive.mp4',
                  frames_per_second=1.0, **given)
    if arguments.report:
        paths.append(analyze(DRIVE_CONFIG, None, out / 'report', frames=arguments.report, **given))
    return [*(path for path in paths if path.stem.endswith(('_all', 'report'))),
            *out.glob('drive.mp4')]


def with_mistakes(frame: Any, random: np.random.Generator) -> tuple[Any, dict[str, list[str]]]:
    """The labels of a frame as detections with mistakes, and the classes of each kind of them.

    A wrong class is written as ``'car as truck'``.
    """
    from sparse3d.structures.box_geometry import points_in_box
    from sparse3d.visualization.frame import Boxes
    labels, boxes = frame.ground_truth.labels.copy(), frame.ground_truth.boxes.copy()
    away = np.hypot(boxes[:, 0], boxes[:, 1])
    seen = [row for row in np.flatnonzero((away > NEAR) & (away < FAR))
            if len(points_in_box(frame.points, boxes[row, :7])) >= SEEN]
    random.shuffle(seen)
    missed = seen[:random.integers(0, 4)]
    wrong = seen[len(missed):len(missed) + random.integers(0, 2)]
    said = dict(missed=[frame.class_name(labels[row]) for row in missed], false=[], wrong_class=[])
    names = frame.class_names
    for row in wrong:
        other = (labels[row] + random.integers(1, len(names))) % len(names)
        said['wrong_class'].append(f'{names[labels[row]]} as {names[other]}')
        labels[row] = other
    kept = np.setdiff1d(np.arange(len(boxes)), missed)
    boxes[:, :3] += random.normal(size=(len(boxes), 3)) * SPREAD
    more, kinds = [], []
    for _ in range(random.integers(0, 4)):
        model = int(random.integers(len(boxes)))
        box = boxes[model].copy()
        while np.hypot(*(boxes[:, :2] - box[:2]).T).min() < CLEAR:
            angle, reach = random.uniform(-np.pi, np.pi), random.uniform(NEAR, FAR)
            box[:2] = reach * np.cos(angle), reach * np.sin(angle)
        box[6] = random.uniform(-np.pi, np.pi)
        more.append(box)
        kinds.append(frame.ground_truth.labels[model])
        said['false'].append(frame.class_name(kinds[-1]))
    drawn = np.concatenate([boxes[kept], np.array(more).reshape(-1, boxes.shape[1])])
    made = Boxes(drawn, np.concatenate([labels[kept], np.array(kinds, int)]),
                 random.uniform(0.4, 0.95, len(drawn)))
    return made.above(0.0), {kind: sorted(said[kind]) for kind in KINDS}


def count_right(made: dict[str, dict], answers: dict[str, dict]) -> list[str]:
    """A line for each frame and kind, and the sum: how many mistakes were named, how many were
    said that are none."""
    lines, total = [], Counter()
    for name, said in made.items():
        for kind in KINDS:
            right, given = Counter(said[kind]), Counter(answers.get(name, {}).get(kind, []))
            found, other = (right & given).total(), (given - right).total()
            total.update(found=found, there=right.total(), other=other)
            lines.append(f'{name} {kind}: {found} of {right.total()} named'
                         + (f', {other} said that are none' if other else ''))
    return [*lines, f'in all {total["found"]} of {total["there"]} named, {total["other"]} said '
                    f'that are none']


def check(arguments: argparse.Namespace) -> list[str]:
    """What :func:`count_right` says of the files."""
    truth = json.loads(Path(arguments.out, 'truth.json').read_text())
    return count_right(truth, json.loads(Path(arguments.answers).read_text()))


if __name__ == '__main__':
    from sparse3d.apis.command_line import run_command
    given = parse()
    sys.exit(run_command(lambda: print(*(check if given.answers else make)(given), sep='\n')))
