"""Generated programs."""
from .notebooks import Notebook, write


def notebooks(folder, seed, count):
    return []
