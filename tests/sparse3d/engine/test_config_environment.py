"""Environment variables in configs, with any value."""
from __future__ import annotations

import json
import os

import pytest

from sparse3d.apis import load_config

VALUES = ["/home/o'brien/data", 'D:\\data\\nuscenes', '/a "b" c', '/plain/path', 'ends with \\',
          '\\\\server\\share', '/ümlaut/x']


@pytest.mark.parametrize('value', VALUES)
@pytest.mark.parametrize('quote', ["'", '"'])
def test_the_value_is_used_as_it_is(tmp_path, monkeypatch, value, quote):
    monkeypatch.setenv('SPARSE3D_TEST_ROOT', value)
    (tmp_path / 'base.py').write_text(
        f'data_root = {quote}{{{{$SPARSE3D_TEST_ROOT:data/x}}}}{quote}\n')
    (tmp_path / 'mine.py').write_text("_base_ = 'base.py'\nmore = '{{$SPARSE3D_TEST_ROOT:y}}/z'\n")
    config = load_config(tmp_path / 'mine.py')
    assert config.data_root == value and config.more == f'{value}/z'
    assert os.environ['SPARSE3D_TEST_ROOT'] == value  # as before


@pytest.mark.parametrize('value', VALUES)
def test_configs_that_are_data(tmp_path, monkeypatch, value):
    monkeypatch.setenv('SPARSE3D_TEST_ROOT', value)
    path = tmp_path / 'mine.json'
    path.write_text(json.dumps(dict(data_root='{{$SPARSE3D_TEST_ROOT:x}}')))
    assert load_config(path).data_root == value


def test_the_default_stands_without_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv('SPARSE3D_TEST_ROOT', raising=False)
    path = tmp_path / 'mine.py'
    path.write_text("data_root = '{{$SPARSE3D_TEST_ROOT:data/x}}'\n")
    assert load_config(path).data_root == 'data/x'
