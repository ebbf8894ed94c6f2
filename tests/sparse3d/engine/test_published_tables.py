"""Tables of published quirks come from the fields and from nowhere else."""
from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from sparse3d.checkpoints.options import published_sets
from sparse3d.engine.published_tables import fill_published_tables, rows_of
from sparse3d.errors import PluginError
from sparse3d.plugins import plugin

ROOT = Path(__file__).resolve().parents[3]
TEXT = 'before\n<!-- published: {} -->\nold\n<!-- end of table -->\nafter\n'


@pytest.mark.parametrize('name', sorted(published_sets()))
def test_the_table_on_its_page_is_what_the_fields_say(name):
    """Otherwise: python tools/update_tables.py"""
    text = (ROOT / plugin(name).docs).read_text()
    assert f'<!-- published: {name} -->' in text
    assert fill_published_tables(text) == text


def test_a_table_has_a_line_for_each_field_and_nothing_else_changes():
    kind = published_sets()['dsvt']
    text = fill_published_tables(TEXT.format('dsvt'))
    assert text == TEXT.format('dsvt').replace('old\n', rows_of(kind))
    assert all(f'| `{each.name}` | ' in text for each in fields(kind))


def test_a_plug_in_that_is_not_there_is_named():
    with pytest.raises(PluginError, match="there is no plug-in 'absent'"):
        fill_published_tables(TEXT.format('absent'))
