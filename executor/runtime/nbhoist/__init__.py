"""`%load_ext nbhoist`: run a heavy cell elsewhere from any Jupyter front end, and get its results back into this kernel.

`%%hoist [PLACE]` runs one cell elsewhere; `%hoist auto` lets nbhoist choose. `docs/magics.md` is the manual.
"""


def load_ipython_extension(shell):
    """`%load_ext nbhoist`."""
    from . import magics

    magics.load(shell)


def unload_ipython_extension(shell):
    """`%unload_ext nbhoist`."""
    from . import magics

    magics.unload(shell)
