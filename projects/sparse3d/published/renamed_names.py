"""Old and present names of what stands in checkpoints, from docs/renames.csv."""

# Prefix of a parameter's name; * is one part.
PARAMETERS: tuple[tuple[str, str], ...] = ()
# Name of a registered class.
TYPES: dict[str, str] = {}
# (present type, option).
OPTIONS_OF_TYPES: dict[tuple[str, str], str] = {}
# Option with the key it stands under.
OPTIONS: dict[str, str] = {}
# Name of a config.
CONFIGS: dict[str, str] = {}
