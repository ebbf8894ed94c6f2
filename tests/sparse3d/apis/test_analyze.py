"""The report of an evaluation, opened in a real browser."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from mmengine.config import Config

from sparse3d.apis import train
from sparse3d.apis.analyze import analyze
from sparse3d.errors import DataError
from sparse3d.visualization import draw_bev
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.html_report import HtmlReport
from sparse3d.visualization.picture_files import as_text

SECTIONS = ('Average precision', 'Precision and recall', 'Mistakes', 'By distance', 'By size',
            'Confusion', 'Worst frames')
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
QUIET = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--disable-sync']


@pytest.fixture(scope='module')
def report(tmp_path_factory) -> Path:
    """Of the tiny detector: one box a frame, near the right place."""
    import sys
    folder = Path(__file__).resolve().parents[2] / 'tiny'
    sys.path.insert(0, str(folder))
    try:
        root = tmp_path_factory.mktemp('analysis')
        config = Config.fromfile(folder / 'tiny_config.py')
        trained = train(config, root / 'work')
        return analyze(
            config,
            trained.checkpoint,
            root / 'report',
            frames=4,
            iou_threshold=0.3,
            worst=2,
            device='cpu',
        )
    finally:
        sys.path.remove(str(folder))


def test_every_section_is_there(report):
    text = report.read_text()
    for section in SECTIONS:
        assert f'>{section}' in text, section
    assert text.count('<img') == 2 and text.count('<svg') >= 1
    assert 'src="http' not in text and 'href="http' not in text.replace('xlink:href="http', '')
    assert len(list(report.parent.glob('worst_*.png'))) == 2


def test_numbers_add_up(report):
    text = report.read_text()
    row = text[text.index('id="mistakes"'):]
    row = row[row.index('<tbody>'):row.index('</tbody>')]
    counts = [int(cell.split('</td>')[0]) for cell in row.split('<td>')[1:]]
    assert len(counts) == 7 and sum(counts[:6]) == 4  # four frames with a detection each
    assert counts[0] + counts[1] + counts[6] == 4    # four objects, found or missed


@pytest.mark.skipif(CHROMIUM is None, reason='Chromium is not installed (apt install chromium)')
def test_a_browser_shows_it(report, tmp_path):
    command = [CHROMIUM, *QUIET, f'--user-data-dir={tmp_path / "profile"}']
    page = subprocess.run([*command, '--dump-dom', report.as_uri()], capture_output=True,
                          text=True, timeout=120)
    for section in SECTIONS:
        assert section in page.stdout
    picture = tmp_path / 'page.png'
    subprocess.run([*command, f'--screenshot={picture}', '--window-size=1100,2400',
                    report.as_uri()], capture_output=True, timeout=120)
    from PIL import Image
    pixels = np.asarray(Image.open(picture).convert('RGB')).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 500  # charts and pictures, not an empty page


def test_text_is_text(tmp_path):
    report = HtmlReport('a <b> & c')
    report.section('x < y', '<script>')
    report.table(['<i>'], [['<td>', float('nan'), 1.234]])
    text = report.write(tmp_path / 'a.html').read_text()
    assert '<script>' not in text and '&lt;td&gt;' in text and '–' in text and '1.23' in text


@pytest.mark.parametrize('name', [r'$\x$', '_hidden', '$', r'\$5$', '100 % <b>'])
def test_names_of_classes_are_no_formulas(tmp_path, name):
    box = np.array([[1., 1, 0, 1, 1, 1, 0]])
    frame = Frame(name, np.zeros((1, 4)), (name, ), Boxes(box, np.zeros(1, int)),
                  Boxes(box, np.zeros(1, int), np.ones(1)))
    draw_bev(frame, tmp_path / 'a.svg')
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([0, 1], label=as_text(name))
    axes.legend()
    figure.savefig(tmp_path / 'b.svg', format='svg')
    assert len(axes.get_legend().get_texts()) == 1  # matplotlib hides labels with an underscore


def test_a_split_without_labels_is_named(tiny_config, tmp_path, monkeypatch):
    import tiny_training
    read = tiny_training.TinyFrames.__getitem__

    def unlabeled(self, index):
        sample = read(self, index)
        del sample['data_samples'].gt_instances_3d
        return sample

    monkeypatch.setattr(tiny_training.TinyFrames, '__getitem__', unlabeled)
    torch.save({'state_dict': tiny_training.TinyDetector().state_dict()}, tmp_path / 'a.pth')
    with pytest.raises(DataError, match='has no labels'):
        analyze(tiny_config, tmp_path / 'a.pth', tmp_path / 'report', device='cpu')
