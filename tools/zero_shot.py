"""`sparse3d zero-shot` of a source tree; see projects/sparse3d_cli/zero_shot.py."""
import sys

from sparse3d_cli import tool

if __name__ == '__main__':
    sys.exit(tool('zero-shot'))
