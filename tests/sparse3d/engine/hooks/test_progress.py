from __future__ import annotations

from types import SimpleNamespace

from sparse3d.engine.hooks.progress import ProgressLines


def runner(**extra):
    hub = SimpleNamespace(runtime_info={'eta': 3725.0}, get_info=lambda name: 3725.0)
    return SimpleNamespace(epoch=2, max_epochs=20, iter=139, max_iters=1000, message_hub=hub,
                           **extra)


def test_a_training_line_tells_place_time_left_and_losses():
    scalars = {'loss': 1.5, 'loss_box': 1.0, 'heatmap_loss': 0.5, 'lr': 0.003, 'time': 0.25}
    line = ProgressLines()._training_line(runner(), scalars, 40, 50)
    assert line == ('epoch  3/20  40/50   14%  1:02:05 left  loss 1.5000 '
                    '(loss_box 1.000, heatmap_loss 0.500)  lr 3.0e-03  0.25 s/it')


def test_a_training_counted_in_iterations():
    line = ProgressLines(by_epoch=False)._training_line(runner(), {'loss': 1.0}, 1, 1)
    assert line.startswith('iteration  140/1000   14%')
