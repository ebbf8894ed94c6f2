from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from sparse3d.engine.result_record import result_record, write_result
from sparse3d.errors import DataError


def test_a_result_tells_how_it_was_made(tmp_path):
    path = tmp_path / 'results' / 'scores.json'
    write_result(path, {'metrics': {'ap': np.float32(0.5)}, 'seed': 3, 'threads': 7})
    read = json.loads(path.read_text())
    assert read['metrics'] == {'ap': 0.5} and read['seed'] == 3 and read['threads'] == 7
    assert read['torch'] == torch.__version__
    for key in ('command', 'commit', 'device', 'python', 'date'):
        assert key in read


def test_the_device_is_named():
    assert result_record({})['device']


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / 'folder').mkdir()
    with pytest.raises(DataError, match='folder'):
        write_result(tmp_path / 'folder', {})
