"""The tables of nuScenes, as the nuscenes-devkit loads them, from the blocks' records.

Every scene has a log of its own and lies, turned at random, on one blank map. Tokens are
hashes of what they name, so the same simulation has the same tokens.
"""
from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from sparse3d.datasets.nuscenes.simulate.annotations import CATEGORIES
from sparse3d.datasets.nuscenes.simulate.rig import CHANNELS, LIDAR, about_z, intrinsic, mounting
from sparse3d.simulate.poses import apply, pose

MAP_FILE = 'maps/blank.png'
Tables = dict[str, list[dict]]
_OTHER_CATEGORIES = (
    'animal', 'human.pedestrian.child', 'human.pedestrian.construction_worker',
    'human.pedestrian.personal_mobility', 'human.pedestrian.police_officer',
    'human.pedestrian.stroller', 'human.pedestrian.wheelchair', 'movable_object.barrier',
    'movable_object.debris', 'movable_object.pushable_pullable', 'movable_object.trafficcone',
    'static_object.bicycle_rack', 'vehicle.bus.bendy', 'vehicle.bus.rigid',
    'vehicle.construction', 'vehicle.emergency.ambulance', 'vehicle.emergency.police',
    'vehicle.motorcycle', 'vehicle.trailer')
_ATTRIBUTES = ('cycle.with_rider', 'cycle.without_rider', 'pedestrian.moving',
               'pedestrian.sitting_lying_down', 'pedestrian.standing', 'vehicle.moving',
               'vehicle.parked', 'vehicle.stopped')
_VISIBILITIES = {'1': 'v0-40', '2': 'v40-60', '3': 'v60-80', '4': 'v80-100'}


def token(*parts: object) -> str:
    """A nuScenes token: 32 hexadecimal digits."""
    return hashlib.md5('/'.join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def build_tables(scenes: Mapping[str, Sequence[dict]], numbers: Mapping[str, int], seed: int,
                 image_width: int) -> Tables:
    """All thirteen tables.

    Args:
        scenes: records of the blocks of each scene by its name, in order of time.
        numbers: number of each scene, which its log is named after.
        seed: of the simulation; part of every token.
        image_width: of the pictures, for the cameras' matrices.
    """
    tables = _fixed_tables()
    for name, blocks in scenes.items():
        builder = _SceneBuilder(tables, seed, numbers[name])
        builder.add_scene(name, blocks)
        builder.add_calibration(image_width)
        builder.add_data(blocks)
        builder.add_annotations(blocks)
    tables['map'] = [dict(token=token('map'), category='semantic_prior', filename=MAP_FILE,
                          log_tokens=[record['token'] for record in tables['log']])]
    return tables


class _SceneBuilder:
    """Adds the rows of one scene to the tables."""

    def __init__(self, tables: Tables, seed: int, number: int) -> None:
        self._tables, self._name = tables, ('scene', seed, number)
        self._number = number
        rng = np.random.default_rng((seed, number, 0, 1))
        self._turn = float(rng.uniform(-np.pi, np.pi))
        self._global_from_world = pose(np.append(rng.uniform(700, 1300, 2), 0.0), self._turn)

    def add_scene(self, name: str, blocks: Sequence[dict]) -> None:
        """Rows of log, scene and sample."""
        samples = [self._token('sample', row) for row in range(len(blocks))]
        self._tables['log'].append(dict(
            token=self._token('log'), logfile=f's{self._number:03d}-simulated',
            vehicle='simulated', date_captured='2023-11-14', location='singapore-onenorth'))
        self._tables['scene'].append(dict(
            token=self._token('scene'), log_token=self._token('log'), nbr_samples=len(blocks),
            first_sample_token=samples[0], last_sample_token=samples[-1], name=name,
            description='Simulated street'))
        for row, (own, block) in enumerate(zip(samples, blocks, strict=True)):
            self._tables['sample'].append(dict(
                token=own, timestamp=_key_sweep(block)['timestamp'],
                prev=samples[row - 1] if row else '',
                next=samples[row + 1] if row + 1 < len(samples) else '',
                scene_token=self._token('scene')))

    def add_calibration(self, image_width: int) -> None:
        """Rows of calibrated_sensor."""
        for channel in CHANNELS:
            position, rotation = mounting(channel)
            matrix = [] if channel == LIDAR else intrinsic(channel, image_width).tolist()
            self._tables['calibrated_sensor'].append(dict(
                token=self._token('calibration', channel), sensor_token=token('sensor', channel),
                translation=position, rotation=rotation, camera_intrinsic=matrix))

    def add_data(self, blocks: Sequence[dict]) -> None:
        """Rows of sample_data, chained per channel by time, each with an ego_pose."""
        chains = defaultdict(list)
        for row, block in enumerate(blocks):
            for entry in block['data']:
                chains[entry['channel']].append((entry, row))
        for channel, chain in chains.items():
            chain.sort(key=lambda item: item[0]['timestamp'])
            tokens = ['', *(self._token(channel, entry['timestamp']) for entry, _ in chain), '']
            for place, (entry, row) in enumerate(chain):
                self._add_one(entry, row, *tokens[place:place + 3])

    def add_annotations(self, blocks: Sequence[dict]) -> None:
        """Rows of instance and sample_annotation, chained per instance by time."""
        tracks = defaultdict(list)
        for row, block in enumerate(blocks):
            for record in block['annotations']:
                tracks[record['actor']].append((record, row))
        for actor, track in tracks.items():
            tokens = ['', *(self._token('annotation', actor, row) for _, row in track), '']
            self._tables['instance'].append(dict(
                token=self._token('instance', actor), nbr_annotations=len(track),
                category_token=token('category', track[0][0]['category']),
                first_annotation_token=tokens[1], last_annotation_token=tokens[-2]))
            for place, (record, row) in enumerate(track):
                self._tables['sample_annotation'].append(
                    self._annotation(record, row, *tokens[place:place + 3]))

    def _add_one(self, entry: dict, row: int, prev: str, own: str, next_token: str) -> None:
        world_from_ego = np.array(entry['world_from_ego'])
        yaw = np.arctan2(world_from_ego[1, 0], world_from_ego[0, 0]) + self._turn
        self._tables['ego_pose'].append(dict(
            token=own, timestamp=entry['timestamp'], rotation=about_z(yaw),
            translation=apply(self._global_from_world, world_from_ego[:3, 3]).tolist()))
        self._tables['sample_data'].append(dict(
            token=own, sample_token=self._token('sample', row), ego_pose_token=own,
            calibrated_sensor_token=self._token('calibration', entry['channel']),
            timestamp=entry['timestamp'], is_key_frame=entry['is_key_frame'],
            fileformat='pcd' if entry['channel'] == LIDAR else 'jpg', height=entry['height'],
            width=entry['width'], filename=entry['filename'], prev=prev, next=next_token))

    def _annotation(self, record: dict, row: int, prev: str, own: str, next_token: str) -> dict:
        x, y, z, length, width, height, yaw = record['box']
        center = apply(self._global_from_world, np.array([x, y, z + height / 2]))
        return dict(
            token=own, sample_token=self._token('sample', row),
            instance_token=self._token('instance', record['actor']),
            visibility_token=record['visibility'],
            attribute_tokens=[token('attribute', record['attribute'])],
            translation=center.tolist(), size=[width, length, height],
            rotation=about_z(yaw + self._turn), prev=prev, next=next_token,
            num_lidar_pts=record['num_lidar_pts'], num_radar_pts=0)

    def _token(self, *parts: object) -> str:
        return token(*self._name, *parts)


def _fixed_tables() -> Tables:
    tables: Tables = {name: [] for name in (
        'instance', 'calibrated_sensor', 'ego_pose', 'log', 'scene', 'sample', 'sample_data',
        'sample_annotation')}
    categories = sorted({*CATEGORIES.values(), *_OTHER_CATEGORIES})
    tables['category'] = [dict(token=token('category', name), name=name, description='')
                          for name in categories]
    tables['attribute'] = [dict(token=token('attribute', name), name=name, description='')
                           for name in _ATTRIBUTES]
    tables['visibility'] = [dict(token=level, level=name, description='')
                            for level, name in _VISIBILITIES.items()]
    tables['sensor'] = [
        dict(token=token('sensor', channel), channel=channel,
             modality='lidar' if channel == LIDAR else 'camera') for channel in CHANNELS]
    return tables


def _key_sweep(block: dict) -> dict:
    return next(entry for entry in block['data']
                if entry['channel'] == LIDAR and entry['is_key_frame'])
