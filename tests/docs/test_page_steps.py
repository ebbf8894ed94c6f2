"""What of a page is a command, what a snippet, and how commands are made short."""
from __future__ import annotations

from page_steps import Step, steps_of
from short_commands import shortened

PAGE = '''# A page

Say `python tools/train.py CONFIG` or, over two lines, `python
tools/test.py CONFIG`; `tools/train.py`, `python tools/train.py` and `tools/test.py A` are mentions.

    python tools/simulate.py kitti data/kitti   # a command
    python tools/train.py \\
        CONFIG --when done
    for seed in 0 1; do
        echo $seed
    done

    data/mine/
      points/    a layout, no command

    import sparse3d
    print(sparse3d)

```
export NAME=value
VAR=1 python tools/test.py CONFIG
```

```text
python is not run here
```

```python
print('a snippet')
```

- a list

    python tools/doctor.py
'''


def test_steps_in_their_order_with_their_lines(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text(PAGE)
    assert steps_of(page) == [
        Step(3, 'shell', 'python tools/train.py CONFIG'),
        Step(3, 'shell', 'python tools/test.py CONFIG'),
        Step(6, 'shell', 'python tools/simulate.py kitti data/kitti   # a command'),
        Step(7, 'shell', 'python tools/train.py \\\n    CONFIG --when done'),
        Step(9, 'shell', 'for seed in 0 1; do\n    echo $seed\ndone'),
        Step(16, 'python', 'import sparse3d\nprint(sparse3d)\n'),
        Step(20, 'shell', 'export NAME=value'),
        Step(21, 'shell', 'VAR=1 python tools/test.py CONFIG'),
        Step(29, 'python', "print('a snippet')\n"),
        Step(34, 'shell', 'python tools/doctor.py')]


def test_options_are_added_and_config_options_joined():
    words = shortened(['tools/train.py', 'configs/dsvt/dsvt_simulated_waymo.py', '--cfg-options',
                       'load_from=a.pth', '--seed', '1'])
    added = ['train_cfg.max_epochs=1', 'train_dataloader.num_workers=0',
             'val_dataloader.num_workers=0']
    assert words[:3] == ['tools/train.py', 'configs/dsvt/dsvt_simulated_waymo.py', '--cfg-options']
    assert sorted(words[3:6]) == added and words[6:] == ['load_from=a.pth', '--seed', '1']
    assert shortened(['tools/doctor.py']) == ['tools/doctor.py']
    published = 'configs/dsvt/dsvt_voxel_waymo_1frame_24e.py'
    assert '--dry-run' in shortened(['tools/train.py', published])
    assert '--image-width' in shortened(['tools/simulate.py', 'waymo', 'out'])
    assert shortened(['tools/simulate.py', 'waymo', 'out', '--image-width', '0']).count(
        '--image-width') == 1


def test_only_checkpoints_that_are_there_take_the_place_of_longer_trainings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('short', 'long'):
        (tmp_path / 'work_dirs' / name).mkdir(parents=True)
    (tmp_path / 'work_dirs/short/epoch_1.pth').touch()
    (tmp_path / 'work_dirs/long/epoch_24.pth').touch()
    words = shortened(['tools/detect.py', 'work_dirs/short/epoch_6.pth',
                       'work_dirs/long/epoch_24.pth', "load('work_dirs/short/epoch_6.pth')"])
    assert words[1:] == ['work_dirs/short/epoch_1.pth', 'work_dirs/long/epoch_24.pth',
                         "load('work_dirs/short/epoch_1.pth')"]
