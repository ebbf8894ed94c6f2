from __future__ import annotations

import pytest

from sparse3d.errors import ConfigError
from sparse3d.visualization.colors import LIGHT
from sparse3d.visualization.style import Style


def test_what_the_command_line_brings():
    style = Style.named('light', '640X480', view='top', zoom=2)
    assert style.theme is LIGHT and style.size == (640, 480) and style.view == 'top'


@pytest.mark.parametrize('options, message', [
    (dict(theme='blue'), "no theme 'blue'; there are dark, light"),
    (dict(size='640'), "the size '640' is none; write it as 1600x900"),
    (dict(size='640x-480'), 'write it as'), (dict(size='640x20'), '640 x 20 pixels'),
    (dict(view='side'), "no view 'side'; there are behind"), (dict(zoom=0), 'zoom is 0'),
    (dict(point_size=float('nan')), 'point_size is nan')])
def test_what_no_picture_can_have(options, message):
    with pytest.raises(ConfigError, match=message):
        Style.named(**options)
