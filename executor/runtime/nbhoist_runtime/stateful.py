"""Objects whose content is got and set as a state, so that no second object has to be made.

That matters for generators of random numbers: rebuilding one next to the original would set the state of the part they share.
"""

import io

from . import artists


def _named(module, *names):
    def applies(value):
        for base in type(value).__mro__:
            if base.__name__ in names and (base.__module__ + ".").startswith(module + "."):
                return True
        return False

    return applies


# Which objects, how to get the state, how to set it.
_RULES = [
    (_named("numpy.random", "BitGenerator"), lambda value: value.state, lambda value, state: setattr(value, "state", state)),
    # Older versions of numpy pack a Generator without the bit generator it holds.
    (
        _named("numpy.random", "Generator"),
        lambda value: value.bit_generator.state,
        lambda value, state: setattr(value.bit_generator, "state", state),
    ),
    (_named("numpy.random", "RandomState"), lambda value: value.get_state(legacy=False), lambda value, state: value.set_state(state)),
    (_named("random", "Random"), lambda value: value.getstate(), lambda value, state: value.setstate(state)),
    (_named("torch", "Generator"), lambda value: value.get_state(), lambda value, state: value.set_state(state)),
    (
        _named("matplotlib.cbook", "CallbackRegistry"),
        artists.registry_state,
        lambda value, state: value.__setstate__(dict(state)),
    ),
    (
        lambda value: type(value) in (io.StringIO, io.BytesIO),
        lambda value: value.__getstate__(),
        lambda value, state: value.__setstate__(state),
    ),
]


def rule(value):
    """`(get, put)` for an object that is set by its state, or None."""
    for applies, get, put in _RULES:
        if applies(value):
            return get, put
    return None
