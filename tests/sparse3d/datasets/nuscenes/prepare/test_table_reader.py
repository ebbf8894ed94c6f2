"""Our reader of the tables against the devkit's, and what it does without."""
from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from sparse3d.datasets.nuscenes.prepare.table_reader import TABLES, NuScenesTables


@pytest.fixture
def tables_alone(simulated_nuscenes, tmp_path):
    shutil.copytree(simulated_nuscenes / 'v1.0-mini', tmp_path / 'v1.0-mini')
    return tmp_path


def test_rows_and_links_are_the_devkits(simulated_nuscenes):
    devkit = pytest.importorskip('nuscenes').NuScenes('v1.0-mini', str(simulated_nuscenes),
                                                      verbose=False)
    tables = NuScenesTables('v1.0-mini', str(simulated_nuscenes))
    assert (tables.version, tables.dataroot, tables.table_root) == (
        devkit.version, devkit.dataroot, devkit.table_root)
    for name in set(TABLES) - {'map', 'log'}:  # there the devkit adds pictures of maps
        assert getattr(tables, name) == getattr(devkit, name), name
    row = tables.sample_data[-1]
    assert tables.get('sample_data', row['token']) is row
    known = 0
    for annotation in tables.sample_annotation:
        ours = tables.box_velocity(annotation['token'])
        theirs = devkit.box_velocity(annotation['token'])
        assert np.array_equal(ours, theirs, equal_nan=True)
        known += np.isfinite(ours).all()
    assert known > 10


def test_velocities_over_gaps(tables_alone):
    """A single annotation, one neighbor, two; steps just within and beyond 1.5 s."""
    folder = tables_alone / 'v1.0-mini'
    first = json.loads((folder / 'sample_annotation.json').read_text())[0]
    samples = json.loads((folder / 'sample.json').read_text())[:3]
    for place, seconds in enumerate((0.0, 1.5, 3.0)):
        samples[place].update(timestamp=int(1e6 * seconds), token=f's{place}')
    chains = [['a0'], ['b0', 'b1'], ['c0', 'c1', 'c2'], ['d0', 'd2']]
    rows = [dict(first, token=token, sample_token=f's{token[1]}',
                 translation=[3.0 * int(token[1]), 1.0, 0.0],
                 prev=chain[place - 1] if place else '',
                 next=chain[place + 1] if place + 1 < len(chain) else '')
            for chain in chains for place, token in enumerate(chain)]
    for name, content in dict(sample=samples, sample_annotation=rows, sample_data=[]).items():
        (folder / f'{name}.json').write_text(json.dumps(content))
    tables = NuScenesTables('v1.0-mini', str(tables_alone))
    unknown = {token for row in rows for token in [row['token']]
               if np.isnan(tables.box_velocity(token)).all()}
    assert unknown == {'a0', 'd0', 'd2'}
    for token in ('b0', 'b1', 'c0', 'c1', 'c2'):
        assert tables.box_velocity(token) == pytest.approx([2.0, 0.0, 0.0])


def test_other_tables_are_not_wanted(tables_alone):
    """lidarseg without its label files ends the devkit."""
    (tables_alone / 'v1.0-mini/lidarseg.json').write_text('[]')
    assert len(NuScenesTables('v1.0-mini', str(tables_alone)).scene) == 2


def test_a_table_that_is_none(tables_alone):
    (tables_alone / 'v1.0-mini/map.json').write_text('{}')
    with pytest.raises(TypeError, match='map.json holds no list'):
        NuScenesTables('v1.0-mini', str(tables_alone))
