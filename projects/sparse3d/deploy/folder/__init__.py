"""What lies in every export folder beside the graphs; nothing here imports Sparse3D or torch."""
