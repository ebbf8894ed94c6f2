"""Names from data as names of files."""

from __future__ import annotations

import os

import pytest

from sparse3d.transforms.data_paths import file_name, path_inside

HONEST = [
    '000123_Car_0',
    'delivery van',
    'CAM_FRONT',
    'längs',
    'e93e98b63d3b40209056d129dc53ceee',
    'a.b$(x)',
]
HOSTILE = [
    '../../../x',
    '/etc/passwd',
    'truck/bus',
    'truck\\bus',
    '..',
    '.',
    '',
    'a\0b',
    'a\nb',
    '.hidden',
    'c:x',
    '%2F',
    'x' * 500,
    'x' * 501,
    'ü' * 300,
    '\ud800',
    '~',
    ' ',
    '...',
]


@pytest.mark.parametrize('name', HONEST)
def test_an_honest_name_stays(name):
    assert file_name(name) == name


@pytest.mark.parametrize('name', HOSTILE)
def test_any_name_is_one_file_in_its_folder(tmp_path, name):
    made = file_name(name)
    path = path_inside(tmp_path, f'database/{made}.bin')
    path.parent.mkdir()
    path.write_bytes(b'x')
    assert os.listdir(path.parent) == [f'{made}.bin'] and path.parent == tmp_path / 'database'


def test_different_names_stay_different():
    names = [*HONEST, *HOSTILE, 'truck%2Fbus', 'truck_bus', '%2E%2E', '%']
    assert len({file_name(name) for name in names}) == len(names)
