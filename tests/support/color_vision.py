"""What colors look like with a color weakness, and how far apart two of them are.

Sources: Machado, Oliveira, Fernandes (TVCG 2009), matrices of full severity in linear RGB;
Sharma, Wu, Dalal (Color Research and Application 2005) for CIEDE2000.
"""
from __future__ import annotations

import numpy as np

SIGHTS = {
    'normal': np.eye(3),
    'deuteranopia': np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
    'protanopia': np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    'tritanopia': np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.303900]]),
}
_TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                    [0.0193339, 0.1191920, 0.9503041]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


def seen_as(rgb: np.ndarray, sight: str) -> np.ndarray:
    """sRGB in 0..1 as a sight of ``SIGHTS`` sees it."""
    linear = np.clip(_linear(np.asarray(rgb, float)) @ SIGHTS[sight].T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of sRGB in 0..1."""
    xyz = _linear(np.asarray(rgb, float)) @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]),
                     200 * (f[..., 1] - f[..., 2])], axis=-1)


def ciede2000(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Difference of CIELAB colors; below about 2 two of them side by side look the same."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma ** 7 / (chroma ** 7 + 25.0 ** 7))
    a1, a2 = stretch * a1, stretch * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = np.where(c1 * c2 == 0, 0, (h2 - h1 + 180) % 360 - 180)
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    mean = np.where(np.abs(h1 - h2) > 180, (h1 + h2 + 360) / 2, (h1 + h2) / 2)
    mean = np.where(c1 * c2 == 0, h1 + h2, mean)
    weight = (1 - .17 * np.cos(np.radians(mean - 30)) + .24 * np.cos(np.radians(2 * mean))
              + .32 * np.cos(np.radians(3 * mean + 6)) - .20 * np.cos(np.radians(4 * mean - 63)))
    blue = 30 * np.exp(-((mean - 275) / 25) ** 2)
    cross = -np.sin(np.radians(2 * blue)) * 2 * np.sqrt(chroma ** 7 / (chroma ** 7 + 25.0 ** 7))
    dl = (l2 - l1) / (1 + .015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    dc, dh = (c2 - c1) / (1 + .045 * chroma), hue / (1 + .015 * chroma * weight)
    return np.sqrt(dl ** 2 + dc ** 2 + dh ** 2 + cross * dc * dh)


def nearest_pair(colors: np.ndarray, sight: str) -> float:
    """CIEDE2000 of the two colors that are hardest to tell apart with a sight."""
    seen = lab(seen_as(np.asarray(colors), sight))
    apart = ciede2000(seen[:, None], seen[None])
    return float(apart[np.triu_indices(len(seen), 1)].min())


def _linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
