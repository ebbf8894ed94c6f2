"""What is the model and what is detected in, of what `detect` is given."""
from __future__ import annotations

import argparse

import pytest

from sparse3d.checkpoints import shipped
from sparse3d.errors import ConfigError
from sparse3d.tracking.class_motion import CLASS_MOTIONS
from sparse3d_cli import detect

pytestmark = pytest.mark.fast


def sorted_words(*words: str):
    parser = argparse.ArgumentParser()
    detect.add_arguments(parser)
    arguments = parser.parse_args(words)
    configs = detect.configs(arguments)
    return arguments, configs


@pytest.mark.parametrize('words, clouds', [
    (['sweep.bin'], ['sweep.bin']), (['a.npy', 'b.PCD'], ['a.npy', 'b.PCD']),
    (['a.bin', 'b.bin', 'c.bin'], ['a.bin', 'b.bin', 'c.bin']), (['drive.mcap'], ['drive.mcap']),
    (['anywhere', 'sweep.bin'], ['sweep.bin']),
    (['anywhere', 'a.bin', 'b.bin'], ['a.bin', 'b.bin'])])
def test_clouds_alone_are_for_the_weights_that_come_with_it(words, clouds):
    arguments, configs = sorted_words(*words)
    assert (arguments.config, arguments.checkpoint) == ('anywhere', None)
    assert arguments.clouds == clouds and configs == []


def test_a_folder_of_clouds_too(tmp_path):
    arguments, _ = sorted_words(str(tmp_path))
    assert (arguments.config, arguments.clouds) == ('anywhere', [str(tmp_path)])


def test_a_config_and_a_checkpoint_are_what_they_were():
    arguments, configs = sorted_words('mine.py', 'mine.pth', 'a.bin')
    assert (arguments.config, arguments.checkpoint, arguments.clouds) == (
        'mine.py', 'mine.pth', ['a.bin'])
    assert configs == ['mine.py']
    arguments, _ = sorted_words('mine.pth', 'drive.mcap')
    assert (arguments.config, arguments.checkpoint, arguments.clouds) == (
        'mine.pth', None, ['drive.mcap'])


@pytest.mark.parametrize('words', [['mine.py'], ['anywhere'], ['mine.py', 'mine.pth']])
def test_nothing_to_detect_in_is_refused(words):
    with pytest.raises(ConfigError, match='given'):
        sorted_words(*words)


def test_the_threshold_is_the_one_that_was_chosen_for_the_weights(monkeypatch):
    monkeypatch.setattr(shipped, 'recommended_threshold', lambda name, otherwise: .47)
    assert detect._score_threshold(sorted_words('a.bin')[0]) == .47
    assert detect._score_threshold(sorted_words('mine.pth', 'a.bin')[0]) == .3
    assert detect._score_threshold(sorted_words('a.bin', '--score-threshold', '0')[0]) == 0


def sorted_out(*words: str) -> tuple:
    arguments, named = sorted_words(*words)
    return arguments.config, arguments.checkpoint, arguments.clouds, named


@pytest.mark.parametrize('model', ['hf://one/car', 'hf://one/car@main', 'a.pth', 'A.SafeTensors'])
def test_a_model_that_holds_its_config_stands_alone(model):
    assert sorted_out(model, 'x.bin') == (model, None, ['x.bin'], [])
    assert sorted_out(model, 'x.bin', 'y.bin') == (model, None, ['x.bin', 'y.bin'], [])


def test_a_config_has_weights_of_its_own():
    for weights in ('a.pth', 'hf://one/car'):
        assert sorted_out('mine', weights, 'x.bin') == ('mine', weights, ['x.bin'], ['mine'])
    with pytest.raises(ConfigError, match='mine and a.pth are given, and no cloud'):
        sorted_out('mine', 'a.pth')


@pytest.mark.parametrize('words', [['--frame-rate', '10'], ['--track-options', 'max_lost=2'],
                                   ['--like', 'forklift=car']])
def test_what_is_for_tracks_goes_with_track(words):
    arguments, _ = sorted_words('a.bin', *words)
    with pytest.raises(ConfigError, match=f'{words[0]} is for --track'):
        detect._refuse_useless(arguments, recording=False)


def test_options_of_the_tracker():
    arguments, _ = sorted_words('a.bin', '--track', 'greedy', '--track-options', 'max_lost=2',
                                '--like', 'forklift=truck')
    following = detect._following(arguments)
    assert following.tracker == 'greedy' and following.options['max_lost'] == 2
    assert following.options['motions']['forklift'] == CLASS_MOTIONS['truck']
    arguments, _ = sorted_words('a.bin', '--track', '--like', 'forklift=ship')
    with pytest.raises(ConfigError, match="forklift cannot move like 'ship'"):
        detect._following(arguments)
