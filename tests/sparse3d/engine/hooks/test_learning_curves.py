"""The picture of a training: what is in it, and that it never ends a training."""
from __future__ import annotations

import pytest
from matplotlib import image

from sparse3d.apis import train
from sparse3d.engine.hooks.learning_curves import PICTURE, draw_curves
from sparse3d.engine.training_log import LoggedTraining, read_training

ROWS = [dict(step=step, epoch=1, loss=3.0 / step, loss_box=2.0 / step, lr=0.01 * step, time=1.0)
        for step in (1, 2, 3)]


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}


def test_losses_rate_and_metrics_are_drawn():
    metrics = [dict(step=1, mAP=0.2, mATE=0.5, time=0.1), dict(step=2, mAP=0.3, mATE=0.4)]
    losses, rates, scores = draw_curves(LoggedTraining(ROWS, metrics)).axes
    assert lines(losses) == {'loss': [[1, 3.0], [2, 1.5], [3, 1.0]],
                             'loss_box': [[1, 2.0], [2, 1.0], [3, 2.0 / 3]]}
    assert lines(rates) == {'lr': [[1, 0.01], [2, 0.02], [3, 0.03]]}
    assert lines(scores) == {'mAP': [[1, 0.2], [2, 0.3]]}
    assert scores.get_ylabel() == '1 of 2 metrics'  # what is left out is said


def test_the_metrics_asked_for_are_drawn_and_none_without_validation():
    metrics = [dict(step=1, mAP=0.2, mATE=0.5)]
    scores = draw_curves(LoggedTraining(ROWS, metrics), ['mATE']).axes[2]
    assert lines(scores) == {'mATE': [[1, 0.5]]}
    assert len(draw_curves(LoggedTraining(ROWS, [])).axes) == 2


def test_a_training_leaves_its_curves(tiny_config, tmp_path):
    train(tiny_config, tmp_path)
    assert image.imread(tmp_path / PICTURE).shape[2] in (3, 4)
    logged = read_training(tmp_path)
    assert [row['step'] for row in logged.iterations] == list(range(1, 9))
    assert [row['step'] for row in logged.validations] == [2, 4]
    assert not list(tmp_path.glob('.*.tmp'))


def test_the_picture_is_drawn_after_every_epoch(tiny_config, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr('sparse3d.engine.hooks.learning_curves.draw_curves',
                        lambda logged, metrics: drawn.append(
                            (len(logged.iterations), len(logged.validations))) or real(logged))
    real = draw_curves
    train(tiny_config, tmp_path)
    assert drawn == [(2, 0), (4, 0), (4, 1), (6, 1), (8, 1), (8, 2)]


@pytest.mark.parametrize('cut', ['{"loss": 1.0, "st', '[1]'])
def test_a_damaged_log_is_said_once_and_the_training_goes_on(tiny_config, tmp_path, cut, capsys):
    folder = tmp_path / '20250101_000000' / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(cut)
    assert train(tiny_config, tmp_path).epochs == 4
    assert capsys.readouterr().out.count(f'{PICTURE} is not drawn: line 1 of') == 1
    assert not (tmp_path / PICTURE).exists()


def test_metrics_of_a_training_that_counts_iterations_stand_over_iterations():
    rows = [{key: value for key, value in row.items() if key != 'epoch'} for row in ROWS]
    metrics = [dict(step=3, mAP=0.2)]
    for given, label in ((ROWS, 'epoch'), (rows, 'iteration')):
        assert draw_curves(LoggedTraining(given, metrics)).axes[2].get_xlabel() == label
