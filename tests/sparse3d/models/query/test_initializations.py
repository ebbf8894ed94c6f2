"""Named ways in which queries begin, and that somebody else can add one."""
from __future__ import annotations

import pytest
from torch import nn

from sparse3d.errors import ConfigError, PluginError
from sparse3d.models.query import initializations
from sparse3d.models.query.initializations import (
    build_queries,
    query_initializations,
    register_queries,
)


class Head(nn.Module):
    pass


class Derived(Head):
    pass


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setattr(initializations, '_KNOWN', {})


def test_a_way_is_built_by_its_name_for_a_head_and_its_subclasses():
    @register_queries('Head', 'mine')
    class Mine(nn.Module):
        def __init__(self, head: nn.Module, width: int = 3) -> None:
            super().__init__()
            self.head_name, self.width = type(head).__name__, width

    assert query_initializations(Derived) == dict(mine=Mine)
    built = build_queries(Derived(), dict(type='mine', width=5), 'other')
    assert (built.head_name, built.width) == ('Derived', 5)
    assert build_queries(Head(), None, 'mine').width == 3
    assert query_initializations(nn.Module) == {}


def test_errors_name_what_there_is():
    @register_queries('Head', 'learned')
    class Learned(nn.Module):
        def __init__(self, head: nn.Module) -> None:
            super().__init__()

    with pytest.raises(ConfigError, match=r"queries.type of Head is 'lerned'; did you mean "
                       r"'learned'\? \(it offers learned\)"):
        build_queries(Head(), dict(type='lerned'), 'learned')
    with pytest.raises(ConfigError, match="queries of type 'learned' of Head: .*'count'"):
        build_queries(Head(), dict(type='learned', count=3), 'learned')
    with pytest.raises(ConfigError, match=r"queries of Head is 'learned'; give a dict, such as "):
        build_queries(Head(), 'learned', 'learned')
    with pytest.raises(PluginError, match="queries of Head called 'learned' are .*Learned"):
        @register_queries('Head', 'learned')
        class Another(nn.Module):
            pass
