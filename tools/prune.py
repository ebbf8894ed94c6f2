"""`sparse3d prune` of a source tree; see projects/sparse3d_cli/prune.py."""
import sys

from sparse3d_cli import tool

if __name__ == '__main__':
    sys.exit(tool('prune'))
