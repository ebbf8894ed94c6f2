"""Small layers that several networks are built of."""
