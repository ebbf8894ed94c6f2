"""Importing this repairs the installed stack."""
from sparse3d.compat import apply_patch

apply_patch()
