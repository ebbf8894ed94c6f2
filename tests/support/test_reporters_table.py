"""The page of what reporters are told is what the command writes."""
from __future__ import annotations

import re

import pytest

from reporters_listen import LONGEST as SENTENCE
from reporters_listen import clean
from reporters_sentences import REPORTED, TAKEN
from reporters_table import (
    COMMAND,
    LONGEST,
    MOST,
    OF_THE_MACHINE,
    PAGE,
    ROOT,
    name_of,
    page,
    reported,
    rows_of,
    scripts,
    table,
)

# Quick ones of three rooms: readers alone, no training and no simulation.
AGAIN = ('camera/27_own_cameras_unchecked', 'lidar/26_ascii_cloud_damaged',
         'lidar/28_class_name_with_dollars', 'security/yaml_config_runs_code')


def test_the_page_has_every_case_in_its_room():
    text = PAGE.read_text()
    assert COMMAND in text
    cases = [name.replace('\\', '') for name in re.findall(r'^\| `([^`]+)`: ', text, re.M)]
    assert cases == [name_of(script) for script in scripts()]
    # Apart from its rows, it is what the command writes.
    without_rows = re.sub(r'^\| (`|  ?\|).*\n', '', text, flags=re.M)
    empty = page({name_of(script): [('', '')] for script in scripts()})
    assert without_rows == re.sub(r'^\| (`|  ?\|).*\n', '', empty, flags=re.M)


def test_every_case_says_something():
    rows = [line.split(' | ') for line in PAGE.read_text().splitlines()
            if line.startswith(('| `', '|  |'))]
    assert all(len(row) >= 3 and row[-1].strip(' |') for row in rows)
    assert not any('Traceback' in row[-1] or ROOT.as_posix() in row[-1] for row in rows)


def test_rows_are_chosen_by_verb():
    script = scripts()[0]
    rows = [('check', str(number)) for number in range(9)] + [('train --dry-run', 'ready')]
    lines = table(script, rows)
    assert len(lines) == MOST and lines[-1] == '|  | train --dry-run | ready |'
    assert [line.split(' | ')[-1].strip(' |') for line in lines[:-1]] == ['0', '1', '2']


def test_what_was_reported_is_the_first_sentence():
    for script in scripts():
        text = reported(script)
        assert 20 < len(text) <= LONGEST + 2 and 'github.com' not in text, script


def test_doctor_stands_where_the_trouble_is_the_machines():
    assert set(OF_THE_MACHINE) <= {name_of(script) for script in scripts()}
    assert PAGE.read_text().count(' | doctor | ') == len(OF_THE_MACHINE)


def test_sentences_are_cleaned():
    assert clean('error: /tmp/tmpab12cd34/d/infos.pkl  lacks\n\x1b[31mx\x1b[0m') == \
        'error: …/infos.pkl lacks x'
    assert len(clean('word ' * 400)) <= SENTENCE + 2


def test_every_cell_is_a_sentence():
    """None is cut, none is a script's own shorthand."""
    rows = [line.strip('| ').split(' | ') for line in PAGE.read_text().splitlines()
            if line.startswith(('| `', '|  |'))]
    for row in rows:
        said = row[-1]
        assert not said.endswith('…') and not re.search(r"\{'|\['|: True|: False", said), said
        assert len(said.split()) >= 4, said
        if row[-2] == '—':
            assert said[0].isupper() and said.endswith('.'), said


def test_what_a_script_made_sure_of_stands_for_cases_that_say_nothing():
    names = {name_of(script) for script in scripts()}
    assert set(TAKEN) <= names and set(REPORTED) <= names
    silent = {match.replace('\\', '') for match in
              re.findall(r'^\| `([^`]+)`: .* \| — \| ', PAGE.read_text(), re.M)}
    assert silent == set(TAKEN)
    for sentence in TAKEN.values():
        assert sentence[0].isupper() and sentence.endswith('.') and len(sentence) < LONGEST


@pytest.mark.slow
@pytest.mark.parametrize('name', AGAIN)
def test_the_rows_are_what_the_script_says(name):
    script, = (script for script in scripts() if name_of(script) == name)
    text = PAGE.read_text()
    assert '\n'.join(table(script, rows_of(script))) in text
