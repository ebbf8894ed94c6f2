"""What frames hold, and one sentence where they cannot tell."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.datasets.custom.prepare.frames import prepare_custom
from sparse3d.datasets.custom.propose.measure import largest_overlap, measure
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_info_file, write_info_file


def test_classes_sizes_and_counts(write_street):
    root = write_street()
    with open(root / 'boxes/000.csv', 'a') as file:
        file.write('Dog,9,9,-1.7,1,0.4,0.5,0\n')
    prepare_custom(root)
    found = measure(root)
    assert found.frames == (8, 2) and found.columns == 4 and found.max_objects == 6
    assert [(one.name, one.objects) for one in found.classes] == [('Car', 24), ('Person', 16)]
    np.testing.assert_allclose(found.classes[1].size, [0.8, 0.6, 1.7])
    assert found.classes[1].short_side == pytest.approx(0.6) and found.rare == {'Dog': 1}
    assert len(found.boxes) == 40 and len(found.clouds) == 8
    assert found.ground == pytest.approx(-1.72, abs=0.03)


def test_overlap_is_of_one_class():
    def item(name, x):
        return dict(name=name, bbox_3d=[x, 0, 0, 2, 1, 1, 0], num_lidar_pts=0)
    assert largest_overlap([dict(instances=[item('A', 0), item('B', 0)])]) == 0
    infos = [dict(instances=[item('A', 0), item('A', 1)]), dict()]
    assert largest_overlap(infos) == pytest.approx(1 / 3, abs=1e-3)


def test_data_that_cannot_tell_are_refused_in_a_sentence(write_street):
    root = write_street()
    with pytest.raises(DataError, match=r'not prepared: run "sparse3d create-data custom'):
        measure(root)
    prepare_custom(root)
    path = root / 'own_infos_train.pkl'
    info = read_info_file(path, 'custom')

    def changed(change):
        entries = [change(dict(entry)) for entry in info['data_list']]
        write_info_file(path, info['metainfo'], entries)

    changed(lambda entry: dict(entry, lidar_points={}))
    with pytest.raises(DataError, match='pictures alone'):
        measure(root)
    changed(lambda entry: dict(entry, instances=[
        dict(item, num_lidar_pts=0) for item in entry['instances']]))
    with pytest.raises(DataError, match='no box of .* holds a point'):
        measure(root)
    (root / 'own_infos_val.pkl').unlink()
    with pytest.raises(DataError, match=r'no frames of val.* splits/val\.txt'):
        measure(root)
