"""The report of an evaluation, opened in a real browser."""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from mmengine.config import Config

from browser import CHROMIUM, REASON, Page
from sparse3d.apis import test, train
from sparse3d.apis.analyze import analyze
from sparse3d.apis.analyzed_results import AnalyzedResults
from sparse3d.apis.benchmark_scores import BenchmarkScores
from sparse3d.apis.error_report import (
    write_benchmark,
    write_comparison,
    write_curves,
    write_frames,
    write_mistakes,
)
from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.detection_errors import frame_errors
from sparse3d.metrics.score_curves import compare_paired
from sparse3d.visualization import draw_bev
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.html_report import HtmlReport
from sparse3d.visualization.picture_files import as_text

SECTIONS = ('Benchmark', 'Precision and recall', 'Mistakes', 'By class', 'By distance', 'By size',
            'Confusion', 'Worst frames', 'Best frames')


@pytest.fixture(scope='module')
def made(tmp_path_factory) -> tuple[Path, dict[str, float], Path]:
    """Report of the tiny detector (one box a frame, near the right place), the numbers of
    test.py, and its checkpoint."""
    import sys
    folder = Path(__file__).resolve().parents[2] / 'tiny'
    sys.path.insert(0, str(folder))
    try:
        root = tmp_path_factory.mktemp('analysis')
        config = Config.fromfile(folder / 'tiny_config.py')
        trained = train(config, root / 'work')
        tested = test(config, trained.checkpoint, root / 'tested')
        report = analyze(config, trained.checkpoint, root / 'report', iou_threshold=0.3, worst=2,
                         device='cpu')
        return report, tested, Path(trained.checkpoint)
    finally:
        sys.path.remove(str(folder))


@pytest.fixture
def report(made) -> Path:
    return made[0]


def test_the_numbers_are_those_of_the_benchmark(made):
    report, tested, _ = made
    text = report.read_text()
    shown = dict(re.findall(r'<tr><td>(\w+)</td><td>([\d.]+)</td></tr>',
                            text[text.index('All numbers of the benchmark'):]))
    assert tested and {name: float(value) for name, value in shown.items()} == {
        name: pytest.approx(value, abs=0.005) for name, value in tested.items()}
    assert text.index('id="benchmark"') < text.index('id="precision-and-recall"')


def test_every_section_is_there(report):
    text = report.read_text()
    for section in SECTIONS:
        assert f'>{section}' in text, section
    drawn = [path.name for path in report.parent.glob('*.png')]
    assert text.count('<img') == len(drawn) >= 3 and text.count('<svg') >= 1
    assert 'src="http' not in text and 'href="http' not in text.replace('xlink:href="http', '')
    assert len(list(report.parent.glob('worst_*.png'))) == 2


def test_numbers_add_up(report):
    text = report.read_text()
    row = text[text.index('id="mistakes"'):]
    row = row[row.index('<tbody>'):row.index('</tbody>')]
    counts = [int(cell.split('</td>')[0]) for cell in row.split('<td>')[1:]]
    assert len(counts) == 9 and sum(counts[:6]) == 4  # four frames with a detection each
    assert counts[0] + counts[1] + counts[6] == 4    # four objects, found or missed


@pytest.mark.skipif(CHROMIUM is None, reason=REASON)
@pytest.mark.parametrize('width', [1060, 390])
def test_a_browser_shows_it_on_a_desk_and_on_a_phone(report, width):
    with Page(report.as_uri(), width, 1200, mobile=width < 600) as page:
        text = page.evaluate('document.body.textContent')
        for section in SECTIONS:
            assert section in text
        assert page.evaluate('document.documentElement.scrollWidth') <= width
        assert len(np.unique(page.screenshot().reshape(-1, 3), axis=0)) > 50
        assert [address for address in page.requests if address.startswith('http')] == []
        assert page.errors == []


@pytest.mark.skipif(CHROMIUM is None, reason=REASON)
def test_a_script_in_a_name_does_not_run(tmp_path):
    evil = '<img src=x onerror="document.title=1"><script>document.title=1</script>'
    box = np.array([[10., 1, -1, 4, 2, 1.5, 0]])
    frame = Frame(evil, np.zeros((1, 4)), (evil, ), Boxes(box, np.zeros(1, int)),
                  Boxes(box, np.zeros(1, int), np.ones(1)))
    every = dict(boxes=box, scores=np.ones(1), labels=np.zeros(1, int))
    errors = frame_errors(every, every, frame.points)
    triples, drawn = [(every, every, errors)], [(errors, frame)]
    one = AnalyzedResults(evil, (evil, ), triples, triples, [evil], drawn, drawn,
                          benchmark=BenchmarkScores({f'{evil}_AP': 1.0}))
    report = HtmlReport(evil, evil)
    for sets in ([one], [one, one]):
        write_benchmark(report, sets)
        write_curves(report, sets)
        write_mistakes(report, sets)
    write_comparison(report, one, one, compare_paired(one.ranked(), one.ranked(), 10))
    write_frames(report, one, tmp_path)
    with Page(report.write(tmp_path / 'a.html').as_uri()) as page:
        assert page.evaluate('document.title') == evil
        assert page.evaluate('document.scripts.length') == 0


@pytest.mark.usefixtures('tiny_config')
def test_two_detectors_side_by_side(made, tiny_config, tmp_path):
    first = made[2]
    weights = torch.load(first, weights_only=True)
    weights['state_dict']['center.bias'] += 30.0         # finds nothing
    torch.save(weights, tmp_path / 'worse.pth')
    report = analyze(tiny_config, [first, tmp_path / 'worse.pth'], tmp_path / 'report',
                     iou_threshold=0.3, worst=1, device='cpu')
    text = report.read_text()
    assert f'A: {first.name}. B: worse.pth. The same 4 frames.' in text
    assert 'B makes fewer mistakes in 0 frames, more in' in text
    assert re.search(r'<td>Car</td><td>([\d.]*[1-9][\d.]*)</td><td>0.00</td><td>-\1</td>', text)
    assert sorted(path.name[:7] for path in report.parent.glob('*.png')) == [
        'a_best_', 'a_worst', 'b_worst']
    with pytest.raises(ConfigError, match='these are 3'):
        analyze(tiny_config, [first] * 3, tmp_path / 'report')


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


@pytest.mark.parametrize('options, said', [
    (dict(iou_threshold=0), 'overlaps lie between 0 and 1'), (dict(iou_threshold=2.0), 'is 2'),
    (dict(iou_threshold=float('nan')), 'is nan'), (dict(worst=-1), 'to draw is -1'),
    (dict(score_threshold=float('nan')), 'score threshold is NaN')])
def test_numbers_that_cannot_be(tmp_path, options, said):
    with pytest.raises(ConfigError, match=said):
        analyze('none', 'none.pth', tmp_path / 'report', **options)
    assert not (tmp_path / 'report').exists()
