"""A data set in nuScenes' format changed into one of other people."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

VERSION = 'v1.0-mini'
SIX = ('CAM_FRONT', 'CAM_FRONT_RIGHT', 'CAM_FRONT_LEFT', 'CAM_BACK', 'CAM_BACK_LEFT',
       'CAM_BACK_RIGHT')


def change_table(root: Path, name: str, change) -> None:
    """Rows of a table through a function."""
    path = root / VERSION / f'{name}.json'
    rows = json.loads(path.read_text())
    rows = change(rows) or rows
    path.write_text(json.dumps(rows))


def rename_cameras(root: Path, names: dict[str, str]) -> None:
    """Other channels, in the tables and as folders; cameras without a name are taken out."""
    def sensors(rows):
        for row in rows:
            row['channel'] = names.get(row['channel'], row['channel'])
        return [row for row in rows if row['channel'] not in SIX]

    def data(rows):
        for row in rows:
            for old, new in names.items():
                row['filename'] = row['filename'].replace(f'/{old}/', f'/{new}/')
        kept = {row['token'] for row in json.loads((root / VERSION / 'sensor.json').read_text())}
        calibrated = {row['token'] for row in json.loads(
            (root / VERSION / 'calibrated_sensor.json').read_text())
            if row['sensor_token'] in kept}
        return [row for row in rows if row['calibrated_sensor_token'] in calibrated]
    change_table(root, 'sensor', sensors)
    change_table(root, 'sample_data', data)
    for folder in ('samples', 'sweeps'):
        for camera in SIX:
            if camera in names:
                (root / folder / camera).rename(root / folder / names[camera])
            else:
                shutil.rmtree(root / folder / camera)
