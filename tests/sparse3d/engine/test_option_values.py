"""Values of options: paths arrive as they were given, numbers and lists as before."""
from __future__ import annotations

import pytest

from sparse3d.engine.config_options import as_the_config_has, parse_options
from sparse3d.engine.option_values import CommaText, parse_value


@pytest.mark.parametrize('text', [
    '/disk/my data/nuscenes', '/disk/a, b/nuscenes', '/disk/a,b', "/home/o'brien/data",
    'D:\\data\\new', 'D:\\a b\\c,d', 'a name with blanks', "it's", '2024_01', '~/x', 'a=b',
    '/disk/[old]/x', '{"a": 1}'])
@pytest.mark.parametrize('quotes', ['', '"'])
def test_texts_stay_as_they_are_given(text, quotes):
    if quotes in text and quotes:
        return
    assert parse_options([f'key={quotes}{text}{quotes}']) == {'key': text}


@pytest.mark.parametrize(('text', 'value'), [
    ('1', 1), ('-1', -1), ('1e-4', 1e-4), ('.5', .5), ('True', True), ('false', False),
    ('None', None), ('[1,2]', [1, 2]), ('[1, 2]', [1, 2]), ('(1,2)', (1, 2)), ('[]', []),
    ('[a,b,(c,d)]', ['a', 'b', ('c', 'd')]), ('["x, y",z]', ['x, y', 'z']),
    ('[Euro pallet,car]', ['Euro pallet', 'car']), ('"[(1,2),(3,4)]"', [(1, 2), (3, 4)]),
    ('1,2', [1, 2]), ('1, 2', [1, 2]), ('a,b', ['a', 'b']), ('a,', ['a']), ('', ''),
    ('[[1,2],[3,x]]', [[1, 2], [3, 'x']])])
def test_numbers_words_and_lists(text, value):
    assert parse_value(text) == value and type(parse_value(text)) in (type(value), CommaText)


def test_words_with_commas_are_a_text_where_the_config_has_one():
    options = parse_options(['work_dir=a,b', 'classes=car,truck', 'deep.name=x,y'])
    meant = as_the_config_has(dict(work_dir='old', classes=['bus'], deep=dict(name='n')), options)
    assert meant == {'work_dir': 'a,b', 'classes': ['car', 'truck'], 'deep.name': 'x,y'}
    assert type(meant['classes']) is list
