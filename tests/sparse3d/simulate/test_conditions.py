"""What a user may choose about a simulated place, and that every simulator follows it."""
from __future__ import annotations

import json

import numpy as np
import pytest

from sparse3d.datasets.kitti.simulate.drive import KittiOptions, simulate_kitti
from sparse3d.datasets.nuscenes.simulate.drive import NuScenesOptions, simulate_nuscenes
from sparse3d.datasets.waymo.simulate.drive import WaymoOptions, simulate_waymo
from sparse3d.errors import DataError
from sparse3d.simulate.conditions import Conditions, options_for_stamp
from sparse3d.simulate.street import random_street

FOG, NIGHT = Conditions('fog', visibility=60), Conditions(night=True)


def test_old_folders_go_on():
    """The stamp of the default conditions is that of before there was weather."""
    assert 'conditions' not in options_for_stamp(KittiOptions())
    stamp = options_for_stamp(KittiOptions(conditions=NIGHT))
    assert stamp['conditions']['night'] and json.dumps(stamp)
    assert 'people' not in stamp['conditions']
    stamp = options_for_stamp(KittiOptions(conditions=Conditions(people=3)))
    assert stamp['conditions']['people'] == 3


@pytest.mark.parametrize('options', [dict(weather='snow'), dict(visibility=1), dict(rain_rate=-1),
                                     dict(people=-1)])
def test_impossible_conditions(options):
    with pytest.raises(DataError):
        Conditions(**options)


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob('*')) if path.is_file()}


def small(name, conditions):
    """One frame or two of each simulator."""
    if name == 'kitti':
        return simulate_kitti, 1, KittiOptions(azimuths=100, image_scale=.05,
                                               conditions=conditions)
    if name == 'nuscenes':
        return simulate_nuscenes, 1, NuScenesOptions(
            seconds=.5, image_width=32, azimuths=60, lidar_rate=2, conditions=conditions)
    return simulate_waymo, 1, WaymoOptions(seconds=.1, columns=60, image_width=32,
                                           conditions=conditions)


@pytest.mark.parametrize('name', ['kitti', 'nuscenes', 'waymo'])
def test_every_simulator_has_weather_with_a_seed(tmp_path, name):
    for folder, conditions in (('clear', Conditions()), ('one', Conditions('rain', night=True)),
                               ('other', Conditions('rain', night=True))):
        simulate, count, options = small(name, conditions)
        simulate(tmp_path / folder, count, seed=4, options=options, show_progress=False)
    one, clear = contents(tmp_path / 'one'), contents(tmp_path / 'clear')
    assert one == contents(tmp_path / 'other')
    assert one.keys() == clear.keys() and one != clear
    with pytest.raises(DataError, match='another simulation'):
        simulate, count, options = small(name, FOG)
        simulate(tmp_path / 'one', count, seed=4, options=options, show_progress=False)


@pytest.mark.parametrize('seed', [0, 1])
def test_more_people_leave_the_rest_of_the_street_as_it_is(seed):
    def actors(people):
        street = random_street(np.random.default_rng(seed), 1.0, people)
        walkers = [actor for actor in street.actors if actor.shape.kind == 'Pedestrian']
        return walkers, [actor for actor in street.actors if actor.shape.kind != 'Pedestrian']

    (usual, rest), (crowd, same_rest), (nobody, _) = map(actors, (1.0, 4.0, 0.0))
    assert len(crowd) > 2 * len(usual) > 0 and not nobody
    assert [a.shape.size for a in same_rest] == [a.shape.size for a in rest]
    np.testing.assert_array_equal([actor.track.at(.5).x for actor in same_rest],
                                  [actor.track.at(.5).x for actor in rest])
    assert usual[0].shape == crowd[0].shape


def test_what_the_formats_say_of_the_weather():
    assert Conditions('rain', night=True).sentence('A street') == 'Night, Rain, A street'
    assert Conditions().sentence('A street') == 'A street'
    assert FOG.describe() == dict(time_of_day='Day', weather='fog', location='location_simulated')
    assert NIGHT.describe()['time_of_day'] == 'Night'
