"""Losses read from the logs of a training, resumed or not."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparse3d.engine.training_log import LoggedLoss, loss_by_epoch, read_losses, read_training
from sparse3d.errors import DataError


def write(folder: Path, start: str, *rows: dict) -> None:
    path = folder / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))


def test_a_resumed_training_goes_on_where_its_checkpoint_was(tmp_path):
    write(tmp_path, '20260101_000000', dict(epoch=1, step=5, loss=8.0),
          dict(epoch=1, step=10, loss=6.0), dict(epoch=2, step=15, loss=99.0))
    write(tmp_path, '20260102_000000', dict(epoch=2, step=15, loss=4.0), {'kitti/AP': 50.0})
    assert read_losses(tmp_path) == [
        LoggedLoss(1, 5, 8.0), LoggedLoss(1, 10, 6.0), LoggedLoss(2, 15, 4.0)]
    assert loss_by_epoch(tmp_path) == [7.0, 4.0]


@pytest.mark.parametrize('line', ['{"loss": 1.0, "st', '[1]', '7'])
def test_a_line_that_is_cut_or_no_entry_is_named(tmp_path, line):
    write(tmp_path, '20260101_000000', dict(epoch=1, step=5, loss=8.0))
    path = tmp_path / '20260101_000000/vis_data/scalars.json'
    path.write_text(path.read_text() + line)
    with pytest.raises(DataError, match='line 2 of .*scalars.json'):
        read_losses(tmp_path)


def test_no_log_no_losses(tmp_path):
    assert read_losses(tmp_path) == [] and loss_by_epoch(tmp_path) == []


def test_a_training_that_counts_iterations(tmp_path):
    write(tmp_path, '20260101_000000', dict(iter=5, step=5, loss=8.0, lr=0.1),
          dict(step=5, mAP=0.5), dict(iter=10, step=10, loss=6.0, lr=0.1))
    logged = read_training(tmp_path)
    assert [row['step'] for row in logged.iterations] == [5, 10]
    assert logged.validations == [dict(step=5, mAP=0.5)]
    assert loss_by_epoch(tmp_path) == [7.0]
