"""Sparse and geometric operators: a plain reference and a fast backend behind one function."""
