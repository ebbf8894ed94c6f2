"""Two places that must agree are compared before anything long starts.

A part of a config (a dataset, a transform, an encoder, a head) *states* something: so many
frames, these classes, this range. Who registers the part registers its statements, with
:func:`states`. :data:`ROWS` says which statements must agree, and how.
"""
import sparse3d.engine.agreement.data_statements
import sparse3d.engine.agreement.model_statements  # noqa: F401  (registers the statements of the core)
from sparse3d.engine.agreement.check import check_checkpoint, check_config, check_files
from sparse3d.engine.agreement.statements import Statement, statements_in, states
from sparse3d.engine.agreement.table import ROWS, Row

__all__ = ['ROWS', 'Row', 'Statement', 'check_checkpoint', 'check_config', 'check_files', 'states',
           'statements_in']
