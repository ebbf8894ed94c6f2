"""Ingredients are left out by name."""
from __future__ import annotations

import pytest

from sparse3d.errors import DataError
from sparse3d.simulate.anywhere.ingredients import Ingredients

pytestmark = pytest.mark.fast


def test_all_are_there_but_those_named():
    assert all(vars(Ingredients()).values())
    left = vars(Ingredients.without(['glass', 'plants']))
    assert [name for name, there in left.items() if not there] == ['glass', 'plants']


def test_an_unknown_one_is_refused_with_the_names_that_are_known():
    with pytest.raises(DataError, match="no ingredient 'glas'.*bodies, glass"):
        Ingredients.without(['glas'])
