"""Which library decodes JPEG pictures: OpenCV, or libjpeg-turbo by its own interface.

Both are libjpeg-turbo inside and give the same pixels, in the same time where OpenCV was built with
the vector code of that library, as its wheels are (six real pictures of nuScenes: 16.4 ms and 16.7
ms); a build without it gains by the other. Sizes between a half and the whole, to which
libjpeg-turbo decodes as well, have no vector code: 5/8 took 3.8 ms, the whole picture 2.6 ms.
"""
from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from sparse3d.errors import BackendUnavailable, ConfigError

DECODERS = ('opencv', 'turbojpeg')
_BGR = 1            # order of the channels, by TurboJPEG's number (TJPF_BGR)


def require_decoder(decoder: str) -> None:
    """Refuse a decoder that does not exist, or is not installed.

    Raises:
        ConfigError: for another name.
        BackendUnavailable: without PyTurboJPEG or its library.
    """
    if decoder not in DECODERS:
        raise ConfigError(f'decoder is one of {", ".join(DECODERS)}, not {decoder!r}')
    if decoder == 'turbojpeg':
        _turbo_jpeg()


def decode_jpeg(content: bytes, reduce: int = 1) -> np.ndarray | None:
    """A JPEG as (H, W, 3) uint8 BGR, pixels as they are stored; None if this cannot decode it.

    Args:
        content: of the file.
        reduce: 1, 2, 4 or 8: so many times smaller.

    Raises:
        BackendUnavailable: without PyTurboJPEG or its library.
    """
    turbo = _turbo_jpeg()
    try:
        return turbo.decode(content, pixel_format=_BGR,
                            scaling_factor=None if reduce == 1 else (1, reduce))
    except (OSError, ValueError):  # four channels, say: OpenCV knows more
        return None


@lru_cache(maxsize=1)
def _turbo_jpeg() -> Any:
    try:
        from turbojpeg import TurboJPEG
        return TurboJPEG()
    except ImportError as error:
        raise BackendUnavailable(
            "decoder='turbojpeg' needs PyTurboJPEG, which is not installed; run \"pip install "
            'sparse3d-perception[turbojpeg]", or use decoder=\'opencv\'') from error
    except (RuntimeError, OSError, AttributeError) as error:  # it looks for the library itself
        raise BackendUnavailable(
            "decoder='turbojpeg' finds no library libturbojpeg; install it (Debian: apt install "
            "libturbojpeg0; PyTurboJPEG 2 wants libjpeg-turbo 3), or use decoder='opencv'"
        ) from error
