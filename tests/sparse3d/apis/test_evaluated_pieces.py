"""A test in pieces: the numbers of one process, and what failed done once more."""
from __future__ import annotations

import json

import pytest

from sparse3d.apis import evaluated_pieces, test, train
from sparse3d.apis.evaluated_pieces import pieces_of, pieces_of_scenes
from sparse3d.errors import ConfigError
from sparse3d_cli import main


def test_pieces_are_whole_batches_and_hold_every_sample_once():
    for samples, batch in ((1, 4), (37, 4), (2000, 3), (100, 1)):
        pieces = pieces_of(samples, batch)
        assert [index for piece in pieces for index in range(piece.start, piece.stop)] == list(
            range(samples))
        assert all((piece.stop - piece.start) % batch == 0 for piece in pieces[:-1])
        assert all(piece.stop - piece.start <= max(evaluated_pieces.MOST_SAMPLES + batch, batch)
                   for piece in pieces)
    assert len(pieces_of(2000, 1)) >= 16


def test_pieces_of_scenes_are_whole_scenes():
    bounds = [(0, 40), (40, 41), (41, 43), (43, 83)]
    assert [(piece.start, piece.stop) for piece in pieces_of_scenes(bounds)] == [
        (0, 40), (40, 83)]
    many = pieces_of_scenes([(start, start + 40) for start in range(0, 6000, 40)])
    assert all(piece.start % 40 == 0 for piece in many) and many[-1].stop == 6000
    assert pieces_of_scenes([]) == []


def test_two_ways_to_several_processes_are_refused(tiny_config, tmp_path):
    checkpoint = train(tiny_config, tmp_path / 'run').checkpoint
    with pytest.raises(ConfigError, match='--executor and --launcher pytorch are two ways'):
        test(tiny_config, checkpoint, tmp_path / 'run', launcher='pytorch', workers=2)


@pytest.mark.slow
def test_a_test_in_two_processes_gives_the_numbers_of_one_and_retries_what_failed(
        tiny_config, tmp_path, capfd):
    checkpoint = train(tiny_config, tmp_path / 'run').checkpoint
    fault = tmp_path / 'fault'
    options = ['--cfg-options', 'test_dataloader.dataset.frames=7',
               f'test_dataloader.dataset.damaged={fault}']
    command = ['test', str(tiny_config), str(checkpoint), '--work-dir', str(tmp_path / 'two')]
    alone = test(tiny_config, checkpoint, tmp_path / 'one',
                 {'test_dataloader.dataset.frames': 7})

    fault.touch()
    assert main([*command, '--executor', 'local:2', *options]) == 2
    errors = capfd.readouterr().err
    assert 'failed: piece samples 2 to 3: frame 3 is damaged' in errors
    kept = {path.name for path in (tmp_path / 'two/.test_pieces').glob('piece_*')}
    assert len(kept) == 3  # the pieces of two that went well

    fault.unlink()
    scores = tmp_path / 'scores.json'
    assert main([*command, '--executor', 'local:2', '--retry-failed', '--out', str(scores),
                 *options]) == 0
    assert '1 failed in the last run, done once more: samples 2 to 3' in capfd.readouterr().err
    assert json.loads(scores.read_text())['metrics'] == alone and alone['frames'] == 7
    assert not list((tmp_path / 'two').glob('.piece-*'))
    assert not (tmp_path / 'two/.test_pieces').exists()
