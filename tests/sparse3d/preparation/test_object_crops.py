import json

import cv2
import numpy as np
import pytest

from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.datasets.kitti.prepare.crops import cut_crops as cut_kitti_crops
from sparse3d.datasets.nuscenes.prepare.crops import cut_crops as cut_nuscenes_crops
from sparse3d.datasets.nuscenes.prepare.frames import prepare_nuscenes
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import read_info_file, read_plain_file
from sparse3d_cli import main


def all_crops(root, dataset):
    index = read_plain_file(root / f'{dataset}_dbinfos_train.pkl')
    return [(entry, crop) for entries in index.values() for entry in entries
            for crop in entry['crops']]


def test_crops_of_kitti(small_kitti, capsys):
    prepare_kitti(small_kitti.root)
    image = np.random.default_rng(0).integers(0, 255, (200, 400, 3), dtype=np.uint8)
    for name in ('000003', '000005', '000007'):
        cv2.imwrite(str(small_kitti.root / f'training/image_2/{name}.png'), image)
    assert main(['create-data', 'crops', 'kitti', str(small_kitti.root), '--workers', '1']) == 0
    found = all_crops(small_kitti.root, 'kitti')
    assert f'{len(found)} crops of 4 objects' in capsys.readouterr().out and len(found) == 4
    infos = read_info_file(small_kitti.root / 'kitti_infos_train.pkl', 'kitti')['data_list']
    labels = {(info['sample_idx'], item['index']): item['bbox'] for info in infos
              for item in info['instances']}
    for entry, crop in found:
        left, top, right, bottom = crop['window']
        cut = cv2.imread(str(small_kitti.root / crop['path']))
        np.testing.assert_array_equal(cut, image[top:bottom, left:right])
        # the labels' image boxes are those of the projected corners, inside the image
        assert np.abs(np.array(crop['window'])
                      - labels[entry['image_idx'], entry['gt_idx']]).max() < 1.5


def test_crops_of_nuscenes(simulated_nuscenes, tmp_path):
    prepare_nuscenes(simulated_nuscenes, out=tmp_path)
    count = cut_nuscenes_crops(tmp_path)
    found = all_crops(tmp_path, 'nuscenes')
    assert count['crops'] == len(found) > 10
    assert len({crop['camera'] for _, crop in found}) > 3
    for _, crop in found:
        left, top, right, bottom = crop['window']
        assert cv2.imread(str(tmp_path / crop['path'])).shape == (bottom - top, right - left, 3)
        assert crop['window'][0] + 1 > crop['rectangle'][0] or crop['window'][0] == 0
    json.dumps([crop for _, crop in found])  # plain numbers


def test_what_is_missing_is_named(small_kitti):
    prepare_kitti(small_kitti.root)
    (small_kitti.root / 'training/image_2/000003.png').write_bytes(b'')
    with pytest.raises(DataError, match='000003.png is empty'):
        cut_kitti_crops(small_kitti.root)
    (small_kitti.root / 'kitti_dbinfos_train.pkl').unlink()
    with pytest.raises(DataError, match='kitti_dbinfos_train.pkl does not exist'):
        cut_kitti_crops(small_kitti.root)
