from __future__ import annotations

import warnings

from sparse3d.apis.command_line import run_command
from sparse3d.errors import ConfigError, Sparse3DWarning


def raises(error):
    def command():
        raise error
    return command


def test_an_error_on_purpose_is_one_sentence_and_code_2(capsys):
    assert run_command(raises(ConfigError('the file x is missing; make it'))) == 2
    captured = capsys.readouterr()
    assert captured.err == 'error: the file x is missing; make it\n' and captured.out == ''


def test_a_warning_of_ours_is_one_sentence(monkeypatch):
    monkeypatch.setattr(warnings, 'formatwarning', warnings.formatwarning)
    written = []
    run_command(lambda: written.append(warnings.formatwarning(
        Sparse3DWarning('the cloud lies far off'), Sparse3DWarning, 'file.py', 1)))
    assert written == ['warning: the cloud lies far off\n']


def test_other_ends(capsys):
    assert run_command(lambda: None) == 0
    assert run_command(raises(KeyboardInterrupt())) == 130
    try:
        run_command(raises(ValueError('a defect')))
    except ValueError:
        return
    raise AssertionError('a defect lost its traceback')
