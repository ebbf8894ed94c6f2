"""A set of published quirks: handed to all parts that take it, refused where parts differ."""
from __future__ import annotations

from dataclasses import dataclass

import pytest
from mmdet3d.registry import MODELS
from torch import nn

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.engine.config_options import arguments_of
from sparse3d.errors import ConfigError
from sparse3d.plugins import plugins, register
from sparse3d.published import PublishedSet, hand_down, kinds_of, quirk, set_of


@dataclass(frozen=True)
class ToyPublished(PublishedSet):
    corners: bool = quirk(False, 'at the corner', 'at the center')
    scale: float | None = quirk(None, 'scaled', 'as it is')
    top: bool = quirk(False, 'the top', 'the center', switches={
        'model.head.of_core.top': True, 'test_dataloader.dataset.later': True})


@dataclass(frozen=True)
class OtherPublished(PublishedSet):
    corners: bool = quirk(False, 'at the corner', 'at the center')


class ToyPart(nn.Module):
    published_set = ToyPublished

    def __init__(self, inner=None, published=None):
        super().__init__()
        self.published = ToyPublished.of(published)
        self.inner = [MODELS.build(part) for part in inner or ()]


class OtherPart(nn.Module):
    published_set = OtherPublished


@pytest.fixture(autouse=True)
def registered():
    for part in (ToyPart, OtherPart):
        MODELS.register_module(module=part)
    yield
    for part in (ToyPart, OtherPart):
        MODELS.module_dict.pop(part.__name__)


def part(**more) -> dict:
    return dict(type='ToyPart', **more)


def test_a_set_is_off_unless_asked_for():
    assert ToyPublished.of(None) == ToyPublished() and ToyPublished().on() == {}
    given = ToyPublished.of(dict(corners=True, scale=2 / 3))
    assert given.on() == dict(corners=True, scale=2 / 3) and ToyPublished.of(given) is given
    assert ToyPublished(top=True).switched() == {
        'model.head.of_core.top': True, 'test_dataloader.dataset.later': True}


@pytest.mark.parametrize(('given', 'words'), [
    (dict(corner=True), "ToyPublished has no quirk 'corner'; did you mean corners"),
    (dict(corners='yes'), "ToyPublished.corners is 'yes'; give True or False"),
    (True, 'published is True; give a dict of fields of ToyPublished'),
    (OtherPublished(), 'give a dict of fields of ToyPublished'),
])
def test_what_is_no_set_is_refused_in_one_sentence(given, words):
    with pytest.raises(ConfigError, match=words) as refused:
        ToyPublished.of(given)
    assert '\n' not in str(refused.value)


def test_every_part_gets_the_one_set_however_deep():
    config = part(inner=[part(), dict(type='ReLU')])
    head = dict(type='Head', of_core=dict(type='Core'))
    config_out, nothing, head_out = hand_down(
        dict(corners=True, top=True), encoder=config, neck=None, head=head)
    wanted = ToyPublished(corners=True, top=True)
    assert config_out['published'] == config_out['inner'][0]['published'] == wanted
    assert nothing is None and 'published' not in config_out['inner'][1]
    assert head_out['of_core'] == dict(type='Core', top=True)
    assert config == part(inner=[part(), dict(type='ReLU')])  # the given one stays as it is


def test_without_a_set_the_parts_are_left_alone():
    own = part(published=dict(corners=True))
    assert hand_down(None, encoder=own) == (own, )


@pytest.mark.parametrize(('published', 'parts', 'words'), [
    (None, dict(a=part(published=dict(corners=True)), b=part()),
     r"model.a.published is {'corners': True} and model.b.published {}"),
    (dict(scale=1.0), dict(a=part(published=dict(corners=True))),
     r"model.published is {'scale': 1.0} and model.a.published {'corners': True}"),
    (dict(corners=True), dict(a=dict(type='ReLU')), 'are none; leave it out'),
    (dict(corners=True), dict(a=part(), b=dict(type='OtherPart')),
     'are ToyPublished, OtherPublished; give each part its own'),
    (dict(top=True), dict(a=part()), 'switches on model.head.of_core.top, and the model has no'),
])
def test_a_config_that_mixes_sets_is_refused_in_one_sentence(published, parts, words):
    with pytest.raises(ConfigError, match=words) as refused:
        hand_down(published, **parts)
    assert '\n' not in str(refused.value)


def test_a_set_of_a_config_is_found_without_building_it():
    model = dict(type='VoxelDetector', encoder=part(), published=dict(corners=True))
    assert set_of(model) == ToyPublished(corners=True)
    assert set_of(dict(type='VoxelDetector', encoder=part())) is None
    assert kinds_of(dict(a=part(), b=[dict(type='OtherPart')])) == [ToyPublished, OtherPublished]
    assert kinds_of(dict(a=dict(type='os.system'))) == []


def test_no_part_has_a_loose_published_argument():
    register(plugins().values())
    ours = [kind for kind in MODELS.module_dict.values() if isinstance(kind, type)
            and kind.__module__.partition('.')[0] in ('sparse3d', *plugins())]
    assert len(ours) > 20
    loose = {kind.__name__: names for kind in ours if (names := [
        name for name in arguments_of(kind)[0] if name.startswith('published_')])}
    # The augmentation of images is the core's own, and no plug-in's.
    assert loose.pop('PhotometricDistortion') == ['published_unclipped'] and loose == {}


def test_a_set_of_one_part_stands_beside_that_of_the_model():
    """Given to its part, never as ``model.published``; other parts do not see it."""
    @dataclass(frozen=True)
    class AlonePublished(PublishedSet):
        of_one_part = True
        padding: bool = quirk(False, 'before', 'after')

    class AlonePart(nn.Module):
        published_set = AlonePublished
    MODELS.register_module(module=AlonePart)
    try:
        alone = dict(type='AlonePart', published=dict(padding=True))
        parts = dict(backbone=alone, head=part())
        assert kinds_of(parts) == [ToyPublished]
        given, head = hand_down(dict(corners=True), **parts)
        assert given == alone and head['published'].corners
        assert set_of(dict(published=dict(corners=True), **parts)).corners
        with pytest.raises(ConfigError, match='none; leave it out'):
            hand_down(dict(padding=True), backbone=alone)
    finally:
        MODELS.module_dict.pop('AlonePart')
