"""Every command and snippet of the documentation runs, page by page, in the order of the page.

A page is followed in an empty folder with simulated drives where data sets would be. What makes
its commands short stands in short_commands.py, what a reader brings along in readers_files.py.
"""
from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from page_steps import steps_of
from reader import Reader
from readers_files import READERS_FILES, READERS_VARIABLES, READERS_WORDS, write_readers_files
from short_commands import NOT_RUN, SHORTER, reason_not_to_run

ROOT = Path(__file__).resolve().parents[2]
# By test_docs.py and end_to_end/test_two_wheels.py.
FOLLOWED_IN_FULL = ('docs/custom_data.md', 'docs/adding_a_plug_in.md', 'docs/adding_a_data_set.md')
PAGES = [str(path.relative_to(ROOT)) for path in (
    ROOT / 'README.md', ROOT / 'data/README.md', *sorted(ROOT.glob('docs/*.md')),
    *sorted(ROOT.glob('projects/*/README.md')))]
STEPS = {page: steps_of(ROOT / page) for page in PAGES}
RUN = {page: [step for step in steps if not reason_not_to_run(step)]
       for page, steps in STEPS.items() if page not in FOLLOWED_IN_FULL}
CHECKPOINT = re.compile(r'work_dirs/(\w+)/epoch_(\d+)\.pth')


@pytest.mark.slow
@pytest.mark.parametrize('page', [page for page, steps in RUN.items() if steps])
def test_all_commands_of(page, programs, drives, stored_outputs, tmp_path):
    shutil.copytree(drives, tmp_path / 'data')
    write_readers_files(page, tmp_path, stored_outputs)
    Reader(tmp_path, programs).follow(page)


@pytest.mark.parametrize('page', PAGES)
def test_checkpoints_are_those_of_the_last_epoch(page):
    """What a page tests after a training is what the training ends with."""
    from sparse3d.apis import load_config
    text = (ROOT / page).read_text()
    for name, epoch in set(CHECKPOINT.findall(text)):
        for config in ROOT.glob(f'configs/*/{name}.py'):
            assert load_config(config).train_cfg.max_epochs == int(epoch), f'{name} in {page}'


@pytest.mark.parametrize('beginning', NOT_RUN)
def test_what_is_not_run_is_on_a_page(beginning):
    assert any(step.text.startswith(beginning) for steps in STEPS.values() for step in steps)


@pytest.mark.parametrize('beginning', [rule[0] for rule in SHORTER])
def test_what_is_made_short_is_on_a_page(beginning):
    command = beginning.removeprefix('^').replace(r'-m torch\.distributed\.run', 'dist_train.sh')
    text = '\n'.join((ROOT / page).read_text() for page in PAGES)
    assert re.search(command.replace('-m pytest', 'pytest '), text)


def test_what_a_reader_brings_along_is_on_its_page():
    for table in (READERS_FILES, READERS_WORDS):
        for page, entries in table.items():
            text = (ROOT / page).read_text()
            instead = READERS_WORDS.get(page, {}).values()
            missing = [name for name in entries if name.removeprefix('old/') not in text
                       and name not in instead
                       and not name.startswith('data/pretrained/')]  # named in the config
            assert missing == [], page
    assert set(READERS_VARIABLES) <= set(PAGES)
