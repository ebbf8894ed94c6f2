"""`sparse3d search-sparsity` of a source tree; see projects/sparse3d_cli/search_sparsity.py."""
import sys

from sparse3d_cli import tool

if __name__ == '__main__':
    sys.exit(tool('search-sparsity'))
