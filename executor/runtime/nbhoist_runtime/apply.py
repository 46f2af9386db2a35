"""Puts new content into objects of the live kernel, in place where the type allows, and says how to take it back."""

import collections
import sys

from . import artists, fingerprint, kinds, stateful


class CannotUpdate(Exception):
    """The object has to be replaced: the references to it are relinked to the new one."""

    def __init__(self, replacement):
        Exception.__init__(self)
        self.replacement = replacement


def update(target, content, undo):
    """Make `target` be what `content` says; raises `CannotUpdate` when only another object can be that."""
    kind = content["kind"]
    if type(target) is not content.get("class", type(target)):
        _set_class(target, content["class"], undo)
    if kind == kinds.OPAQUE:
        if "state" in content:
            _state(target, content["state"], undo)
        else:
            _opaque(target, content["fresh"], undo)
        return
    _ITEMS.get(kind, _nothing)(target, content, undo)
    if content.get("attributes") is not None:
        _replace_dict(fingerprint.attributes(target), *content["attributes"], undo=undo)
    if "slots" in content:
        _slots(target, content["slots"], undo)


def lend(target, content, undo):
    """The same for a while: only for what other objects look into when they are rebuilt, and what can be taken back to the letter."""
    kind = content["kind"]
    if kind in (kinds.LIST, kinds.DICT) or (kind == kinds.OPAQUE and "fresh" in content and _is_frame(target)):
        try:
            update(target, content, undo)
        except CannotUpdate:
            pass


def _nothing(target, content, undo):
    pass


def _set_class(target, cls, undo):
    undo.add(object.__setattr__, target, "__class__", type(target))
    object.__setattr__(target, "__class__", cls)


def _list(target, content, undo):
    undo.add(list.__setitem__, target, slice(None), list(list.__iter__(target)))
    list.__setitem__(target, slice(None), content["items"])


def _set(target, content, undo):
    undo.add(_fill_set, target, list(set.__iter__(target)))
    _fill_set(target, content["items"])


def _fill_set(target, items):
    set.clear(target)
    set.update(target, items)


def _deque(target, content, undo):
    undo.add(_fill_deque, target, list(target))
    _fill_deque(target, content["items"])


def _fill_deque(target, items):
    collections.deque.clear(target)
    collections.deque.extend(target, items)


def _dict(target, content, undo):
    _replace_dict(target, *content["items"], undo=undo)
    if isinstance(target, collections.defaultdict) and target.default_factory is not content["factory"]:
        undo.add(setattr, target, "default_factory", target.default_factory)
        target.default_factory = content["factory"]


def _replace_dict(target, keys, values, undo):
    undo.add(_fill_dict, target, list(zip(*kinds.entries(target))))
    _fill_dict(target, list(zip(keys, values)))


def _fill_dict(target, items):
    # An OrderedDict keeps an order of its own beside the dictionary's.
    base = collections.OrderedDict if isinstance(target, collections.OrderedDict) else dict
    base.clear(target)
    for key, value in items:
        base.__setitem__(target, key, value)


def _bytes(target, content, undo):
    undo.add(bytearray.__setitem__, target, slice(None), bytes(target))
    target[:] = content["items"]


def _array(target, content, undo):
    if "elements" in content:
        _object_array(target, content, undo)
        return
    new = content["array"]
    if target.shape != new.shape or target.dtype != new.dtype:
        raise CannotUpdate(new)
    if not target.flags.writeable:
        try:
            target.flags.writeable = True
        except ValueError:
            raise CannotUpdate(new)
        undo.add(_protect, target)
        _copy_array(target, new, undo)
        target.flags.writeable = False
        return
    _copy_array(target, new, undo)


def _array_of_class(target, content, undo):
    try:
        _array(target.view(sys.modules["numpy"].ndarray), content, undo)
    except CannotUpdate as stuck:
        replacement = stuck.replacement.view(type(target))
        replacement.__dict__.update(zip(*content["attributes"]))
        raise CannotUpdate(replacement)


def _protect(target):
    target.flags.writeable = False


def _copy_array(target, new, undo):
    numpy = sys.modules["numpy"]
    undo.add(_write_array, target, target.copy(order="K"))
    numpy.copyto(target, new, casting="no")


def _write_array(target, old):
    writeable = target.flags.writeable
    if not writeable:
        target.flags.writeable = True
    sys.modules["numpy"].copyto(target, old)
    target.flags.writeable = writeable


def _object_array(target, content, undo):
    numpy = sys.modules["numpy"]
    new = numpy.empty(len(content["elements"]), dtype=object)
    for index, element in enumerate(content["elements"]):
        new[index] = element
    new = new.reshape(content["shape"])
    if target.shape != new.shape or not target.flags.writeable:
        raise CannotUpdate(new)
    undo.add(_write_array, target, target.copy(order="K"))
    target[...] = new


def _function(target, content, undo):
    new = content["function"]
    for name in ("__code__", "__defaults__", "__qualname__", "__module__", "__doc__"):
        if getattr(target, name) is not new[name]:
            undo.add(setattr, target, name, getattr(target, name))
            setattr(target, name, new[name])
    words = new["__kwdefaults__"]
    undo.add(setattr, target, "__kwdefaults__", target.__kwdefaults__)
    if words is None or not target.__kwdefaults__:
        target.__kwdefaults__ = None if words is None else dict(words)
    else:
        _replace_dict(target.__kwdefaults__, [k for k, _ in words], [v for _, v in words], undo)
    _replace_dict(target.__dict__, *new["attributes"], undo=undo)


def _class(target, content, undo):
    entries = content["entries"]
    present = fingerprint.class_entries(target)
    for name, value in present.items():
        if name not in entries:
            undo.add(type.__setattr__, target, name, value)
            type.__delattr__(target, name)
    for name, value in entries.items():
        if name not in present:
            undo.add(type.__delattr__, target, name)
            type.__setattr__(target, name, value)
        elif present[name] is not value:
            undo.add(type.__setattr__, target, name, present[name])
            type.__setattr__(target, name, value)


def _cell(target, content, undo):
    try:
        old = (target.cell_contents,)
    except ValueError:
        old = ()
    undo.add(_fill_cell, target, old)
    _fill_cell(target, content["cell"])


def _fill_cell(target, state):
    if state:
        target.cell_contents = state[0]
    else:
        try:
            del target.cell_contents
        except ValueError:
            pass


def _slots(target, slots, undo):
    for name in kinds.slots(type(target)):
        try:
            old = object.__getattribute__(target, name)
        except AttributeError:
            if name in slots:
                undo.add(object.__delattr__, target, name)
                object.__setattr__(target, name, slots[name])
            continue
        if name not in slots:
            undo.add(object.__setattr__, target, name, old)
            object.__delattr__(target, name)
        elif slots[name] is not old:
            undo.add(object.__setattr__, target, name, old)
            object.__setattr__(target, name, slots[name])


_ITEMS = {
    kinds.LIST: _list,
    kinds.SET: _set,
    kinds.DEQUE: _deque,
    kinds.DICT: _dict,
    kinds.BYTES: _bytes,
    kinds.ARRAY: _array,
    kinds.ARRAY_OF_CLASS: _array_of_class,
    kinds.FUNCTION: _function,
    kinds.CLASS: _class,
    kinds.CELL: _cell,
}


def _opaque(target, fresh, undo):
    """Give `target` the inside of `fresh`, an equal object that was just unpacked."""
    if type(target) is not type(fresh):
        raise CannotUpdate(fresh)
    for applies, transfer in _TRANSFERS:
        if applies(target):
            transfer(target, fresh, undo)
            return
    raise CannotUpdate(fresh)


def _is_frame(target):
    return any(base.__name__ == "NDFrame" and base.__module__.startswith("pandas.") for base in type(target).__mro__)


def _frame(target, fresh, undo):
    """A pandas frame or series: its data manager is exchanged, its caches are emptied."""
    own, new = target.__dict__, fresh.__dict__
    undo.add(_fill_dict, own, list(own.items()))
    for name, value in new.items():
        # Flags hold a weak reference to the frame they are of; caches and back references are of the other frame too.
        if name not in ("_flags", "_item_cache", "_cacher", "_is_copy"):
            own[name] = value
    if "_item_cache" in own:
        own["_item_cache"] = {}
    if own.get("_is_copy") is not None and new.get("_is_copy") is None:
        own["_is_copy"] = None
    for name in [name for name in own if name not in new and not name.startswith("_")]:
        del own[name]
    flags = fresh.flags.allows_duplicate_labels
    if target.flags.allows_duplicate_labels != flags:
        undo.add(setattr, target.flags, "allows_duplicate_labels", not flags)
        target.flags.allows_duplicate_labels = flags


def _state(target, state, undo):
    if artists.is_artist(type(target)):
        undo.add(setattr, target, "__dict__", dict(target.__dict__))
        artists.put_state(target, state)
        return
    get, put = stateful.rule(target)
    undo.add(put, target, get(target))
    put(target, state)


def _is_exception(target):
    return isinstance(target, BaseException) and type(target).__basicsize__ == BaseException.__basicsize__


def _exception(target, fresh, undo):
    undo.add(setattr, target, "args", target.args)
    target.args = fresh.args
    _swap(target, fresh, undo)


def _python_instance(target):
    return kinds.layout(type(target)) is object


def _swap(target, fresh, undo):
    """An instance of a Python class: attributes and slots change places.

    They are exchanged, not copied, because the fresh object may free in `__del__` what it holds.
    """
    undo.add(_exchange, target, fresh)
    _exchange(target, fresh)


def _container_instance(target):
    return kinds.layout(type(target)) in (list, dict, set, collections.OrderedDict, collections.defaultdict)


def _swap_container(target, fresh, undo):
    """An instance of a subclass of a container that has a say in its own pickling, such as `collections.Counter`."""
    for base, fill, items in (
        (list, _fill_list, list.__iter__),
        (set, _fill_set, set.__iter__),
        (dict, _fill_dict, dict.items),
    ):
        if isinstance(target, base):
            undo.add(fill, target, list(items(target)))
            fill(target, list(items(fresh)))
    _swap(target, fresh, undo)


def _fill_list(target, items):
    list.__setitem__(target, slice(None), items)


def _exchange(one, other):
    mine, theirs = fingerprint.attributes(one), fingerprint.attributes(other)
    if mine is not None and theirs is not None:
        left, right = list(mine.items()), list(theirs.items())
        _fill_dict(mine, right)
        _fill_dict(theirs, left)
    slots_one, slots_other = fingerprint.slot_values(one), fingerprint.slot_values(other)
    for name in kinds.slots(type(one)):
        for holder, values in ((one, slots_other), (other, slots_one)):
            if name in values:
                object.__setattr__(holder, name, values[name])
            elif hasattr(holder, name):
                object.__delattr__(holder, name)


_TRANSFERS = [
    (_is_frame, _frame),
    (_is_exception, _exception),
    (_python_instance, _swap),
    (_container_instance, _swap_container),
]
