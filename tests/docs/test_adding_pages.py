"""The pages on plug-ins and data sets show the files of their examples as they are."""
from __future__ import annotations

import pytest

from commands_of_page import commands_of, shown_files
from installed import ROOT
from sparse3d_cli import VERBS

EXAMPLES = {'adding_a_plug_in': 'squeezed_detector', 'adding_a_data_set': 'parking_lot_data'}


@pytest.mark.parametrize('page, example', EXAMPLES.items())
def test_a_block_is_a_part_of_its_file(page, example):
    folder = ROOT / 'docs/examples' / example
    shown = shown_files(ROOT / f'docs/{page}.md')
    assert (ROOT / f'docs/{page}.md').read_text().count('\n```') == 2 * len(shown) > 15
    assert [name for name, text in shown if text not in (folder / name).read_text()] == []
    modules = {path.relative_to(folder).as_posix() for path in folder.rglob('*.py')
               if path.name != '__init__.py'}
    assert modules - {name for name, _ in shown} == set()


@pytest.mark.parametrize('page', EXAMPLES)
def test_commands_begin_with_a_verb(page):
    commands = commands_of(ROOT / f'docs/{page}.md')
    assert len(commands) > 8
    assert {command.split()[1] for command in commands} <= set(VERBS)
