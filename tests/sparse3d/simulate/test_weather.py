"""Fog, rain and night do what they say to points and pictures."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparse3d.simulate import Conditions
from sparse3d.simulate.camera import Camera, take_picture
from sparse3d.simulate.lidar import Lidar, scan
from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import box
from sparse3d.simulate.ray_casting import NOTHING
from sparse3d.simulate.scene import GROUND, STATIC
from sparse3d.simulate.weather import CLEAR, FARTHEST_DROPS, Weather

FOG, RAIN, NIGHT = Conditions('fog', visibility=60), Conditions('rain'), Conditions(night=True)
LIDAR = Lidar(azimuths=500, range_noise=0, intensity_noise=0, ego_from_lidar=np.array(
    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1.7], [0, 0, 0, 1.0]]))


@pytest.fixture
def world(flat_world, car):
    """Cars and walls ahead at 10 to 70 m, under chosen conditions."""
    walls = [box((x, 8, 2), (.2, 6, 4), Material.WALL, (.6, .6, .6)) for x in (10, 20, 40, 70)]
    clear = flat_world([(car, (15, -4, 0)), (car, (35, -4, 0))], walls)

    def under(conditions):
        return replace(clear, weather=conditions.air(), daylight=conditions.light(clear.daylight))
    return under


def sweep(snapshot, seed=0):
    return scan(snapshot, LIDAR, np.random.default_rng(seed))


def distances(found):
    return np.linalg.norm(found.points[:, :3], axis=1)


def picture(snapshot, seed=0):
    matrix = np.array([[200, 0, 160], [0, 200, 60], [0, 0, 1.0]])
    pose = np.array([[0, -1, 0, 0], [0, 0, -1, 1.6], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    return take_picture(snapshot, Camera(matrix, pose, 320, 140), np.random.default_rng(seed))


def test_transmission_by_hand():
    fog = FOG.air()
    assert fog.extinction == pytest.approx(.05)  # 3 / 60 m
    share = fog.transmission(np.array([0, 10, 60.0]), np.ones(3), np.zeros(3, bool))
    np.testing.assert_allclose(share, [1, np.exp(-1), np.exp(-6)])
    assert (CLEAR.transmission(np.array([100.0]), np.ones(1), np.ones(1, bool)) == 1).all()
    rain = RAIN.air()  # 1.076 * 25^0.67 = 9.3 dB per km
    assert rain.extinction == pytest.approx(9.3 / 10 * np.log(10) / 1000, rel=.01)
    wet = rain.transmission(np.full(2, 1e-9), np.array([1.0, .1]), np.ones(2, bool))
    np.testing.assert_allclose(wet, [1, 1 - .6 * .9])


def test_drops_lie_before_what_a_ray_hits_and_mostly_near():
    weather, rng = Weather(extinction=.01, drops=.5, drop_reach=6), np.random.default_rng(0)
    hit = np.repeat([4.0, 50.0, np.inf], 20_000)
    found = weather.false_echoes(hit, rng)
    answered = np.isfinite(found)
    assert (found[answered] < np.minimum(hit, FARTHEST_DROPS)[answered]).all()
    shares = answered.reshape(3, -1).mean(1)
    expected = .5 * (1 - np.exp(-np.array([4, 30, 30]) / 6))
    np.testing.assert_allclose(shares, expected, atol=.015)
    far = found[20_000:][answered[20_000:]]
    assert far.mean() == pytest.approx(6 - 30 * np.exp(-5) / (1 - np.exp(-5)), abs=.1)


def test_no_random_number_is_drawn_on_a_clear_day():
    rng = np.random.default_rng(0)
    assert np.isinf(CLEAR.false_echoes(np.ones(5), rng)).all()
    assert rng.random() == np.random.default_rng(0).random()


def test_fog_hides_what_is_far_and_dims_what_is_near(world):
    clear, fog = sweep(world(Conditions())), sweep(world(FOG))
    real = fog.instances != NOTHING
    far_clear, far_fog = (distances(found) > 38 for found in (clear, fog))
    assert far_clear.sum() > 100 and (far_fog & real).sum() < .1 * far_clear.sum()
    dim, bright = (found.points[(found.instances == STATIC) & (distances(found) < 16), 3].mean()
                   for found in (fog, clear))
    assert dim < .5 * bright  # exp(-2 * 0.05 * 12) = 0.3
    drops = distances(fog)[~real]
    assert len(drops) > 100 and np.median(drops) < 12
    thicker = sweep(world(Conditions('fog', visibility=20)))
    assert (thicker.instances != NOTHING).sum() < real.sum()


def test_rain_adds_points_in_the_air_and_loses_wet_ground(world):
    clear, rain = sweep(world(Conditions())), sweep(world(RAIN))
    in_air = rain.instances == NOTHING
    assert not (clear.instances == NOTHING).any()
    assert .005 * len(rain.points) < in_air.sum() < .2 * len(rain.points)
    assert rain.points[in_air, 3].max() < .1 and rain.points[in_air, 2].max() > -1.6
    ground = [((found.instances == GROUND) & (distances(found) > 25)).sum()
              for found in (clear, rain)]
    assert ground[1] < .9 * ground[0]
    drizzle = sweep(world(Conditions('rain', rain_rate=2)))
    assert (drizzle.instances == NOTHING).sum() < .3 * in_air.sum()


def test_the_lidar_does_not_mind_the_night(world):
    np.testing.assert_array_equal(sweep(world(NIGHT)).points, sweep(world(Conditions())).points)


def test_nights_are_dark_but_for_lamps_and_headlights(world):
    day, night = (picture(world(conditions)) for conditions in (Conditions(), NIGHT))
    assert night.image.mean() < .3 * day.image.mean()
    assert night.image[:40].mean() < 15  # the sky
    road = night.image[90:130, 140:180].mean()  # some 5 m ahead
    assert road > 2 * night.image[90:130, :30].mean()
    assert night.image[..., 0].max() > 150  # tail lamps of the cars
    unlit = picture(replace(world(NIGHT), daylight=replace(world(NIGHT).daylight, headlights=0)))
    assert unlit.image[90:130, 140:180].mean() < .5 * road


def test_fog_and_rain_take_the_contrast_of_far_things(world):
    def contrast(conditions):
        image, seen = picture(world(conditions)).image, picture(world(Conditions()))
        far = (seen.depth > 30) & np.isfinite(seen.depth)
        return float(image[far].std())
    assert contrast(FOG) < .5 * contrast(Conditions())
    assert contrast(RAIN) < .9 * contrast(Conditions())
