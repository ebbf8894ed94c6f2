"""Pictures of READMEs: joined, small, and of what is installed."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparse3d.plugins import config_files, offers

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))

import make_pictures  # noqa: E402


def test_pictures_are_joined_below_each_other_and_small(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (700, 1900, 3), np.uint8)
    for name in ('a', 'b'):
        Image.fromarray(noise).save(tmp_path / f'7_{name}.png')
    plain = tmp_path / 'plain.png'
    Image.new('RGB', (640, 100), (200, 20, 20)).save(plain)
    path = make_pictures.join([plain, plain], tmp_path / 'deep' / 'out.webp')
    with Image.open(path) as made:
        assert made.size == (1280, 400)
        assert np.abs(np.asarray(made.convert('RGB'))[50, 50].astype(int) - [200, 20, 20]).max() < 9
    path = make_pictures.join([plain] * 3, tmp_path / 'grid.webp', 2)
    with Image.open(path) as made:
        assert made.size == (1280, 200)
        corners = np.asarray(made.convert('RGB')).astype(int)[150, [320, 960]]
        assert np.abs(corners - [[200, 20, 20], [0, 0, 0]]).max() < 9
    noisy = make_pictures.join([make_pictures.newest(tmp_path, 'a')], tmp_path / 'noise.webp')
    best = make_pictures.join([plain], tmp_path / 'best.webp')
    assert best.stat().st_size < noisy.stat().st_size
    assert make_pictures.newest(tmp_path, 'c') is None


def test_every_plug_in_with_a_config_has_a_picture_of_something_that_is_offered():
    assert set(make_pictures.PLUGINS) == {
        'focalsconv', 'sparsebev', 'sparsefusion', 'dsvt', 'voxelkp'}
    for name, pictures in make_pictures.PLUGINS.items():
        for made in pictures:
            assert made.config in config_files()
            if '--pictures' in made.words:
                assert made.words[made.words.index('--pictures') + 1] in offers('pictures')
            assert f'../../docs/images/{made.name or name}.webp' in (
                ROOT / 'projects' / name / 'README.md').read_text('utf-8')


@pytest.mark.parametrize('path', sorted((ROOT / 'docs' / 'images').glob('*')), ids=lambda p: p.name)
def test_stored_pictures_are_small_and_shown(path):
    drawn = {'drive', 'demo_3d', 'demo_camera', 'range', 'growth', 'few_labels'} | {
        made.name or name for name, pictures in make_pictures.PLUGINS.items() for made in pictures}
    assert path.suffix == '.webp' and path.stem in drawn     # make pictures draws it
    assert path.stat().st_size < (3_000_000 if path.stem == 'drive' else 300_000)
    texts = [ROOT / 'README.md', *ROOT.glob('projects/*/README.md'), *ROOT.glob('docs/*.md')]
    assert any(f'images/{path.name})' in text.read_text('utf-8') for text in texts)


def test_without_the_demo_nothing_of_it_is_drawn(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv',
                        ['make_pictures.py', '--demo', str(tmp_path), '--only', 'demo'])
    assert make_pictures.draw(make_pictures.parse()) == []
    assert 'has no checkpoint; "make demo" trains one' in capsys.readouterr().out


def test_the_picture_of_ranges_is_that_of_the_stored_run(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['make_pictures.py', '--out', str(tmp_path), '--only', 'range',
                                      '--range-run', str(ROOT / 'results/range.json')])
    path, = make_pictures.draw(make_pictures.parse())
    with Image.open(path) as made:
        assert made.format == 'WEBP'


def test_without_a_run_of_growth_nothing_is_drawn(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['make_pictures.py', '--out', str(tmp_path), '--only',
                                      'growth', '--growth-run', str(tmp_path / 'none.json')])
    assert make_pictures.draw(make_pictures.parse()) == []
    assert 'benchmark growth --out' in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_without_trainings_with_few_labels_nothing_is_drawn(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['make_pictures.py', '--out', str(tmp_path), '--only',
                                      'few_labels', '--few-labels', str(tmp_path / '{}.json')])
    assert make_pictures.draw(make_pictures.parse()) == []
    assert '20.json is not there' in capsys.readouterr().out and not list(tmp_path.iterdir())
