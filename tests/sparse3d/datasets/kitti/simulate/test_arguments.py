"""The command line of KITTI's simulator: its closing line."""
from __future__ import annotations

import argparse

import pytest

from sparse3d.datasets.kitti.simulate.arguments import add_arguments, simulate


@pytest.mark.parametrize(('frames', 'counted', 'warned'), [
    (4, '4 to train, 0 to validate', True), (16, '12 to train, 4 to validate', False)])
def test_the_closing_line_says_when_nothing_validates(tmp_path, monkeypatch, frames, counted,
                                                      warned):
    monkeypatch.setattr('sparse3d.datasets.kitti.simulate.drive.simulate_kitti',
                        lambda *arguments: None)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    line = simulate(parser.parse_args([str(tmp_path), '--frames', str(frames)]))
    assert counted in line and ('--frames-per-drive' in line) == warned
