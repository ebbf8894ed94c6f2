"""Importing this repairs the installed stack."""
from sparse3d.compat import repair

repair()
