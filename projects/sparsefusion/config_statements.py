"""What SparseFusion's parts state about data and model, for the check of configs."""
from __future__ import annotations

from sparse3d.engine.agreement.model_statements import coded_head
from sparse3d.engine.agreement.statements import states

states('SparseFusionHead')(coded_head)
