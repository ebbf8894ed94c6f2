"""What the contracts of this repository name can be imported."""
from __future__ import annotations

from dataclasses import fields

import pytest

from sparse3d.plugins import data_sets, load, plugins


def references() -> list[str]:
    found: set[str] = set()
    for contract in [*plugins().values(), *data_sets().values()]:
        for field in fields(contract):
            value = getattr(contract, field.name)
            texts = value.values() if isinstance(value, dict) else [value]
            found.update(text for text in texts if isinstance(text, str) and ':' in text)
    return sorted(found)


def test_there_are_many():
    assert len(references()) > 40


@pytest.mark.parametrize('reference', references())
def test_a_reference_can_be_imported(reference):
    assert callable(load(reference))
