"""The tables of nuScenes in memory, with the links between them that the nuscenes-devkit makes.

Names and meaning are the devkit's (``NuScenes``), so that its users find themselves at home. What
detection does not need is not read: maps, lidarseg, panoptic, image annotations.
"""
from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

TABLES = ('category', 'attribute', 'visibility', 'instance', 'sensor', 'calibrated_sensor',
          'ego_pose', 'log', 'scene', 'sample', 'sample_data', 'sample_annotation', 'map')
_LONGEST_STEP = 1.5  # between two samples from which a velocity is taken [s]


class NuScenesTables:
    """The rows of the thirteen tables as dicts, found by token.

    As in the devkit, a row of ``sample_annotation`` has ``category_name`` as well, one of
    ``sample_data`` ``channel`` and ``sensor_modality``, and one of ``sample`` ``data`` (token of
    the key frame's sample_data by channel) and ``anns`` (tokens of its annotations).

    Args:
        version: folder of the tables, e.g. ``v1.0-mini``.
        dataroot: folder that holds it.

    Raises:
        OSError, KeyError, TypeError, ValueError: for tables that are absent or damaged;
            :func:`~sparse3d.datasets.nuscenes.prepare.tables.open_tables` explains them.
    """

    def __init__(self, version: str, dataroot: str) -> None:
        self.version, self.dataroot = version, dataroot
        self._rows: dict[str, dict[str, dict]] = {}
        for table in TABLES:
            rows = json.loads((Path(self.table_root) / f'{table}.json').read_bytes())
            if not isinstance(rows, list):
                raise TypeError(f'{table}.json holds no list')
            setattr(self, table, rows)
            self._rows[table] = {row['token']: row for row in rows}
            if len(self._rows[table]) < len(rows):
                raise ValueError(f'{table}.json has {len(rows)} rows and '
                                 f'{len(self._rows[table])} tokens: some stand twice')
        self._link()

    # Filled by name in the constructor.
    attribute: list[dict]
    scene: list[dict]
    sample: list[dict]
    sample_annotation: list[dict]
    sample_data: list[dict]
    sensor: list[dict]

    @property
    def table_root(self) -> str:
        """The folder of the tables."""
        return str(Path(self.dataroot) / self.version)

    def get(self, table: str, token: str) -> dict:
        """A row; KeyError if there is none."""
        return self._rows[table][token]

    def box_velocity(self, token: str) -> np.ndarray:
        """Velocity (3,) [m/s] of an annotation, in the global frame.

        From the positions in the samples before and after, or the one of them that is there.
        NaN if there is neither, or the time between them is more than 1.5 s a step.
        """
        here = self.get('sample_annotation', token)
        steps = bool(here['prev']) + bool(here['next'])
        first = self.get('sample_annotation', here['prev']) if here['prev'] else here
        last = self.get('sample_annotation', here['next']) if here['next'] else here
        # The devkit's way of rounding: seconds first, then their difference.
        seconds = (1e-6 * self.get('sample', last['sample_token'])['timestamp']
                   - 1e-6 * self.get('sample', first['sample_token'])['timestamp'])
        if not steps or seconds > steps * _LONGEST_STEP:
            return np.full(3, np.nan)
        moved = np.subtract(last['translation'], first['translation'])
        with np.errstate(divide='ignore', invalid='ignore'):
            return moved / seconds

    def _link(self) -> None:
        for row in self.sample_annotation:
            category = self.get('instance', row['instance_token'])['category_token']
            row['category_name'] = self.get('category', category)['name']
        for row in self.sample_data:
            calibration = self.get('calibrated_sensor', row['calibrated_sensor_token'])
            sensor = self.get('sensor', calibration['sensor_token'])
            row['channel'], row['sensor_modality'] = sensor['channel'], sensor['modality']
        self.samples_of_scene = Counter(row['scene_token'] for row in self.sample)
        for row in self.sample:
            row['data'], row['anns'] = {}, []
        for row in self.sample_data:
            if row['is_key_frame']:
                self.get('sample', row['sample_token'])['data'][row['channel']] = row['token']
        for row in self.sample_annotation:
            self.get('sample', row['sample_token'])['anns'].append(row['token'])
