"""What all data sets share on the way to info files."""
from sparse3d.preparation.check_report import CheckReport

__all__ = [
    'CheckReport',
]
