"""What heads that find objects by their centers share: grid, heat maps, box codes, selection."""
