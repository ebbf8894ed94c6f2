"""A scene in one file, turned in a real browser."""
from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from browser import CHROMIUM, REASON, Page
from sparse3d.structures.detections import Detections
from sparse3d.visualization import Boxes, Frame, detection_pictures, write_scene_page
from sparse3d.visualization.colors import DARK, LIGHT
from sparse3d.visualization.scene_page import MAX_POINTS, as_json
from sparse3d.visualization.style import Style

BOXES = np.array([[14.0, 3, -1.7, 4, 2, 1.6, 0.4, 5, 0], [20, -5, -1.7, 4, 2, 1.6, 2.0, 0, 0]])
EVIL = '</script><script>document.title="run"</script><img src=x onerror="document.title=\'run\'">'
browser = pytest.mark.skipif(CHROMIUM is None, reason=REASON)


def frame(name='000001', points=800, names=('Car', 'Van'), **more):
    cloud = np.random.default_rng(0).uniform([-30, -25, -1.8, 0], [60, 25, -1.6, 1], (points, 4))
    truth = Boxes(BOXES[:1].copy(), np.array([0]), kinds=np.array(['missed']))
    found = Boxes(BOXES[1:], np.array([1]), np.array([0.62]), kinds=np.array(['false']),
                  track_ids=np.array([7]))
    return Frame(name, cloud, names, truth, found, **more)


def scene_of(path):
    return json.loads(re.search(r'id="scene">(.*?)</script>', path.read_text())[1])


def near(image, x, y, color, reach=3):
    """Whether a color is at a pixel or close by."""
    x, y = round(x), round(y)
    part = image[max(y - reach, 0):y + reach + 1, max(x - reach, 0):x + reach + 1].astype(int)
    return bool((np.abs(part - np.round(255 * np.array(color))).max(axis=-1) < 30).any())


@pytest.fixture
def page(tmp_path):
    trail = ((1, np.array([[10.0, -5, -1], [20, -5, -1]])),)
    frames = [frame(), frame('two', trails=trail, importance=np.linspace(0, 1, 800)),
              frame('three', 0)]
    return write_scene_page(frames, tmp_path / 'deep' / 'scene.html', score_threshold=0.3)


@browser
def test_boxes_are_where_the_projection_says(page, tmp_path):
    with Page(page.as_uri()) as shown:
        shown.evaluate('for (const l of ["points", "names", "velocities"]) '
                       'document.getElementById("layer_" + l).click()')
        for view in ('behind', 'fit', 'top'):
            shown.evaluate(f'view_{view}.click(); sparse3d.draw()')
            image = shown.screenshot(tmp_path / f'{view}.png')
            for box, color in zip(BOXES, DARK.classes[:2], strict=True):
                # its heading mark, in front of the box, at the height of the bottom
                ahead = [box[0] + 2.6 * np.cos(box[6]), box[1] + 2.6 * np.sin(box[6]), box[2]]
                x, y, _ = shown.evaluate(f'sparse3d.project({[float(v) for v in ahead]})')
                assert near(image, x, y, color), (view, x, y)
                assert not near(image, x, y - 60, color)
        left = shown.evaluate('view_behind.click(), sparse3d.project([14, 3, 0])[0]')
        assert left < 500 < shown.evaluate('sparse3d.project([20, -5, 0])[0]')
        assert shown.errors == []


@browser
def test_threshold_layers_frames_and_clicks(page):
    with Page(page.as_uri()) as shown:
        def set_slider(name, value):
            shown.evaluate(f'{name}.value = {value}; {name}.dispatchEvent(new Event("input")); '
                           f'sparse3d.draw()')
        with_points = shown.screenshot()
        assert len(np.unique(with_points.reshape(-1, 3), axis=0)) > 100
        assert shown.evaluate('sparse3d.shown()') == 2
        set_slider('score', 0.7)
        assert shown.evaluate('sparse3d.shown()') == 1
        set_slider('score', 0.1)
        shown.evaluate('layer_truth.click()')
        assert shown.evaluate('sparse3d.shown()') == 1
        shown.evaluate('layer_truth.click(); layer_points.click(); sparse3d.draw()')
        assert np.abs(shown.screenshot().astype(int) - with_points).mean() > 0.3
        x, y, _ = shown.evaluate('sparse3d.project([20, -5, -0.9])')
        shown.click(x, y)
        text = shown.evaluate('info.textContent')
        assert 'detected Van, score 0.62' in text and '4.00 x 2.00 x 1.60 m' in text
        assert 'false' in text and 'track 7' in text and 'yaw 114.6 degrees' in text
        shown.evaluate('layer_mistakes.click()')
        assert 'missed (1 labeled' in shown.evaluate('classes.textContent')
        set_slider('frame', 1)
        assert 'two (2 of 3)' == shown.evaluate('where.textContent')
        shown.evaluate('layer_importance.click(); layer_points.click(); sparse3d.draw()')
        shown.evaluate('play.click()')
        shown.wait('sparse3d.state.frame === 2')
        shown.wait('sparse3d.state.frame === 0')
        before = shown.evaluate('sparse3d.state.azimuth')
        shown.drag((700, 300), (760, 320))
        assert shown.evaluate('sparse3d.state.azimuth') != before
        assert shown.errors == []
        assert [address for address in shown.requests if address.startswith('http')] == []


@browser
def test_names_are_text_and_no_script(tmp_path):
    path = write_scene_page([frame(EVIL, names=(EVIL, '__SCRIPT__'))], tmp_path / 'a.html')
    with Page(path.as_uri()) as shown:
        assert shown.evaluate('sparse3d.ready')
        assert shown.evaluate('document.scripts.length') == 2
        assert shown.evaluate('document.title').startswith(f'frame {EVIL}')
        assert EVIL in shown.evaluate('classes.textContent')
    assert as_json('</script>&') == r'"\u003c/script\u003e\u0026"'


@browser
def test_a_phone_and_a_light_ground(page, tmp_path):
    path = write_scene_page([frame()], tmp_path / 'a.html', Style(theme=LIGHT, view='top'))
    with Page(path.as_uri(), 390, 800, mobile=True) as shown:
        assert not shown.evaluate('panel.open')
        assert shown.evaluate('document.documentElement.scrollWidth') <= 390
        image = shown.screenshot()
        assert (image == 255).all(axis=-1).mean() > 0.5 and shown.errors == []


def test_points_keep_their_places_and_their_number_is_bounded(tmp_path):
    import base64
    drawn = frame(points=5000)
    made = scene_of(write_scene_page([drawn], tmp_path / 'a.html'))['frames'][0]
    rows = np.frombuffer(base64.b64decode(made['positions']), '<u2').reshape(-1, 3)
    back = np.array(made['low']) + rows * np.array(made['step'])
    np.testing.assert_allclose(back, drawn.points[:, :3], atol=0.002)
    assert len(made['palette']) <= 256


def test_a_frame_of_many_points_stays_below_15_megabytes(tmp_path):
    path = write_scene_page([frame(points=MAX_POINTS + 1000)], tmp_path / 'a.html')
    assert path.stat().st_size < 15e6
    assert '1,000,000 of them drawn' in scene_of(path)['frames'][0]['summary']


def test_strays_and_boxes_without_numbers_are_left_out_and_said(tmp_path):
    drawn = frame()
    drawn.points[:3, 0] = np.nan, np.inf, 5000.0
    drawn.ground_truth.boxes[0, 3] = np.nan
    made = scene_of(write_scene_page([drawn], tmp_path / 'a.html'))['frames'][0]
    assert '3 points beyond 1000 m not drawn' in made['summary'] and len(made['boxes']) == 1


def test_detections_are_saved_as_a_page(tmp_path):
    assert detection_pictures
    found = Detections(BOXES, np.array([0.9, 0.4]), np.array([0, 1]), ('Car', 'Van'), name='lot 7')
    made = scene_of(found.save(tmp_path / 'x.html'))
    assert made['names'] == ['Car', 'Van'] and len(made['frames'][0]['boxes']) == 2
    assert made['frames'][0]['name'] == 'lot 7'


def test_no_frames(tmp_path):
    assert scene_of(write_scene_page([], tmp_path / 'a.html'))['frames'] == []


@browser
def test_an_object_is_missed_where_the_threshold_hides_what_found_it(tmp_path):
    made = frame()
    made = replace(made, ground_truth=replace(made.ground_truth, kinds=np.array(['found']),
                                              found_by=np.array([0.62])))
    with Page(write_scene_page([made], tmp_path / 'a.html').as_uri()) as shown:
        shown.evaluate('layer_mistakes.click()')
        assert 'found (1 labeled' in shown.evaluate('classes.textContent')
        shown.evaluate('score.value = 0.7; score.dispatchEvent(new Event("input"))')
        assert 'missed (1 labeled' in shown.evaluate('classes.textContent')
        assert shown.errors == []
