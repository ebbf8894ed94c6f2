"""Videos that a browser plays."""
from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from browser import CHROMIUM, REASON, Page
from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.visualization import VideoWriter, write_video

SHADES = (30, 120, 220)


@pytest.fixture
def pictures(tmp_path):
    pytest.importorskip('imageio_ffmpeg', reason='imageio-ffmpeg is not installed')
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for number, shade in enumerate(SHADES):
        Image.fromarray(np.full((91, 121, 3), shade, np.uint8)).save(folder / f'{number}.png')
    return sorted(folder.iterdir())


@pytest.mark.parametrize('ending', ['.mp4', '.webm'])
def test_every_picture_is_in_the_video(pictures, tmp_path, ending):
    cv2 = pytest.importorskip('cv2')
    path = tmp_path / 'deep' / f'drive{ending}'
    write_video(pictures, path, 4)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    video, means = cv2.VideoCapture(str(path)), []
    while (read := video.read())[0]:
        assert read[1].shape == (90, 120, 3)
        means.append(read[1].mean())
    assert np.allclose(means, SHADES, atol=6)
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(4)


@pytest.mark.skipif(CHROMIUM is None, reason=REASON)
@pytest.mark.parametrize('ending', ['.mp4', '.webm'])
def test_a_browser_plays_it(pictures, tmp_path, ending):
    write_video(pictures * 4, tmp_path / f'drive{ending}', 6)
    page = tmp_path / 'page.html'
    page.write_text(f'<video id="v" muted src="drive{ending}"></video>')
    with Page(page.as_uri()) as shown:
        shown.wait('v.readyState >= 2 || v.error')
        assert shown.evaluate('v.error && v.error.message') is None
        assert shown.evaluate('v.duration') == pytest.approx(2, abs=0.1)
        assert shown.evaluate('[v.videoWidth, v.videoHeight]') == [120, 90]
        shown.evaluate('v.play()')
        shown.wait('v.currentTime > 0.3')
        assert not shown.errors


def test_what_is_no_video(pictures, tmp_path):
    with pytest.raises(DataError, match='.mp4 or .webm file, not drive.gif'):
        write_video(pictures, tmp_path / 'drive.gif')
    with pytest.raises(DataError, match='no pictures'):
        write_video([], tmp_path / 'drive.mp4')
    with pytest.raises(DataError, match='-1 frames per second'):
        write_video(pictures, tmp_path / 'drive.mp4', -1)
    pictures[1].write_bytes(b'no picture')
    with pytest.raises(DataError, match='readable'):
        write_video(pictures, tmp_path / 'drive.mp4')
    assert [file.name for file in tmp_path.iterdir()] == ['pictures']


def test_pictures_of_other_sizes_are_fitted(pictures, tmp_path):
    with VideoWriter(tmp_path / 'drive.mp4') as video:
        video.add(np.zeros((60, 80, 3), np.uint8))
        video.add(np.zeros((200, 30, 3), np.uint8))
    assert (tmp_path / 'drive.mp4').stat().st_size > 500


def test_without_the_package_the_way_out_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
    with pytest.raises(BackendUnavailable, match='pip install imageio-ffmpeg'):
        write_video(['a.png'], tmp_path / 'drive.mp4')
