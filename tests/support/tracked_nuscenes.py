"""Small nuScenes tables with objects that move, and tracks of them with mistakes of every kind."""
from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

CATEGORIES = {'car': 'vehicle.car', 'pedestrian': 'human.pedestrian.adult',
              'bicycle': 'vehicle.bicycle', 'truck': 'vehicle.truck'}


def write_tables(archive: Path, root: Path, seed: int, samples: int = 14, objects: int = 8) -> Path:
    """The tables of the archive with two scenes of mini_val of this many samples.

    Returns:
        The root: give it to ``NuScenes('v1.0-mini', root)``.
    """
    with zipfile.ZipFile(archive) as content:
        content.extractall(root)
    folder, rng = root / 'v1.0-mini', np.random.default_rng(seed)
    tables = {name: json.loads((folder / f'{name}.json').read_text())
              for name in ('scene', 'sample', 'sample_data', 'ego_pose', 'category')}
    scenes = [scene for scene in tables['scene'] if scene['name'] in ('scene-0103', 'scene-0916')]
    data = tables['sample_data'][0]
    new: dict[str, list] = {name: [] for name in (
        'scene', 'sample', 'sample_data', 'ego_pose', 'instance', 'sample_annotation')}
    categories = {row['name']: row['token'] for row in tables['category']}
    for scene in scenes:
        tokens = [f'{scene["name"]}-{number:03d}' for number in range(samples)]
        new['scene'].append(dict(scene, nbr_samples=samples, first_sample_token=tokens[0],
                                 last_sample_token=tokens[-1]))
        times = 1_500_000_000_000_000 + np.cumsum(rng.integers(400_000, 600_000, samples))
        for number, (token, time) in enumerate(zip(tokens, times.tolist(), strict=True)):
            links = dict(prev=tokens[number - 1] if number else '',
                         next=tokens[number + 1] if number + 1 < samples else '')
            new['sample'].append(dict(token=token, timestamp=time, scene_token=scene['token'],
                                      **links))
            new['ego_pose'].append(dict(token=f'pose-{token}', timestamp=time,
                                        translation=[600. + number, 1600., 0.],
                                        rotation=[1., 0., 0., 0.]))
            new['sample_data'].append(dict(data, token=f'data-{token}', sample_token=token,
                                           ego_pose_token=f'pose-{token}', timestamp=time,
                                           prev='', next=''))
        _add_objects(new, scene['name'], tokens, categories, rng, objects)
    for name, rows in new.items():
        (folder / f'{name}.json').write_text(json.dumps(rows))
    return root


def _add_objects(new: dict[str, list], scene: str, tokens: list[str], categories: dict,
                 rng: np.random.Generator, objects: int) -> None:
    for name, category in CATEGORIES.items():
        for number in range(objects):
            first, last = sorted(rng.choice(len(tokens) + 1, 2, replace=False).tolist())
            start = [600 + rng.uniform(-25, 25), 1600 + rng.uniform(-25, 25)]
            step, instance = rng.normal(0, 1, 2), f'{scene}-{name}-{number}'
            rows = [f'{instance}-{place}' for place in range(first, last)]
            new['instance'].append(dict(
                token=instance, category_token=categories[category], nbr_annotations=len(rows),
                first_annotation_token=rows[0], last_annotation_token=rows[-1]))
            for place, token in enumerate(rows):
                new['sample_annotation'].append(dict(
                    token=token, sample_token=tokens[first + place], instance_token=instance,
                    visibility_token='4', attribute_tokens=[], size=[2., 4., 1.5],
                    translation=[*(start + (first + place) * step), 1.],
                    rotation=[1., 0., 0., 0.], num_radar_pts=0,
                    num_lidar_pts=int(rng.random() > .15) * 5,
                    prev=rows[place - 1] if place else '',
                    next=rows[place + 1] if place + 1 < len(rows) else ''))


def tracks_with_mistakes(root: Path, seed: int) -> dict:
    """A submission of the tracking task: switches, gaps, ties, doubles and false tracks."""
    rng = np.random.default_rng(seed)
    rows = json.loads((root / 'v1.0-mini/sample_annotation.json').read_text())
    names = {row['instance_token']: row['instance_token'].split('-')[2] for row in rows}
    ids = {token: f'{number:x}' for number, token in enumerate(names)}
    scores = {token: round(rng.uniform(.1, 1), 1) for token in names}
    samples = json.loads((root / 'v1.0-mini/sample.json').read_text())
    results: dict[str, list] = {}
    by_sample: dict[str, list] = {}
    for row in rows:
        by_sample.setdefault(row['sample_token'], []).append(row)
    for number, sample in enumerate(samples):
        for name in CATEGORIES:  # two tracks of a scene are swapped
            alike = [token for token in ids if token.startswith(f'scene-{_scene(sample)}-{name}')]
            one, other = rng.choice(alike, 2, replace=False)
            ids[one], ids[other] = ids[other], ids[one]
        boxes = results[sample['token']] = []
        for row in by_sample.get(sample['token'], []):
            token = row['instance_token']
            if rng.random() < .2:
                continue
            offset = rng.normal(0, .7, 2)
            for again in range(1 + (rng.random() < .06)):  # a second track at the same place
                boxes.append(_box(sample['token'], np.add(row['translation'][:2], offset),
                                  ids[token] if not again else f'double-{ids[token]}',
                                  names[token], scores[token] + rng.normal(0, .02)))
        for name in CATEGORIES:
            if rng.random() < .4:
                place = (600 + rng.uniform(-25, 25), 1600 + rng.uniform(-25, 25))
                boxes.append(_box(sample['token'], place, f'false-{number // 3}-{name}', name,
                                  float(rng.uniform(0, .5))))
    return dict(meta=dict(use_camera=False, use_lidar=True, use_radar=False, use_map=False,
                          use_external=False), results=results)


def _scene(sample: dict) -> str:
    return sample['token'].split('-')[1]


def _box(token: str, place: tuple, track: str, name: str, score: float) -> dict:
    return dict(sample_token=token, translation=[float(place[0]), float(place[1]), 1.],
                size=[2., 4., 1.5], rotation=[1., 0., 0., 0.], velocity=[0., 0.],
                tracking_id=track, tracking_name=name, tracking_score=float(score))
