"""Which values share memory, in a form that two processes can compare."""

import sys


class Memory:
    """Collects the memory that labelled values lie in."""

    def __init__(self):
        self._spans = []

    def add(self, label, arrays, exact=False):
        """`exact`: the place inside the shared memory counts too, not only that it is shared."""
        numpy = sys.modules["numpy"]
        for array in arrays:
            array = getattr(array, "_ndarray", array)
            if not isinstance(array, numpy.ndarray) or array.dtype.hasobject or not array.size:
                continue
            low, high = numpy.lib.array_utils.byte_bounds(array) if hasattr(numpy.lib, "array_utils") else numpy.byte_bounds(array)
            self._spans.append((low, high, label, exact, array.strides))

    def groups(self):
        """For each label that shares memory: a text that says with whom, and where."""
        clusters, end = [], -1
        for span in sorted(self._spans, key=lambda span: span[:3]):
            if span[0] >= end:
                clusters.append([])
            clusters[-1].append(span)
            end = max(end, span[1])
        parent = {}

        def find(label):
            while parent.setdefault(label, label) != label:
                label = parent[label]
            return label

        for cluster in clusters:
            for span in cluster[1:]:
                parent[find(span[2])] = find(cluster[0][2])
        members = {}
        for label in {span[2] for span in self._spans}:
            members.setdefault(find(label), set()).add(label)
        found = {}
        for cluster in clusters:
            exact = sorted({(span[2], span[0], span[4]) for span in cluster if span[3]})
            for label, low, strides in exact:
                group = members[find(label)]
                if len(group) > 1:
                    found[label] = "shares with %s at %d by %s" % (min(group), low - exact[0][1], strides)
        for group in members.values():
            for label in group if len(group) > 1 else ():
                found.setdefault(label, "shares with %s" % min(group))
        return found
