"""Writes the model file; analyzer/src/cost/model.rs says what it holds."""
import struct

import numpy as np

MAGIC = b"nbhoist cost 1\n"
LEAF = 65535


def pack(model, feature_hash):
    parts = [MAGIC, struct.pack("<I", feature_hash), struct.pack("<I", len(model.words))]
    parts += [struct.pack("<If", word, weight) for word, weight in sorted(model.words.items())]
    parts += [forest(trees) for trees in (model.location, model.low, model.high)]
    parts.append(struct.pack("<ff", *model.widen))
    return b"".join(parts)


def forest(trees):
    packed = [tree(info["tree_structure"], factor) for booster, factor in trees.parts for info in booster.dump_model()["tree_info"]]
    return struct.pack("<fH", trees.base, len(packed)) + b"".join(packed)


def tree(root, factor):
    nodes = []
    place(root, factor, nodes)
    return struct.pack("<H", len(nodes)) + b"".join(struct.pack("<HfH", *node) for node in nodes)


def place(node, factor, nodes):
    """Left child next to its parent, right child behind all of the left."""
    if "leaf_value" in node:
        nodes.append((LEAF, round(node["leaf_value"] * factor, 6), 0))
        return
    at = len(nodes)
    nodes.append(None)
    place(node["left_child"], factor, nodes)
    nodes[at] = (node["split_feature"], not_above(node["threshold"]), len(nodes))
    place(node["right_child"], factor, nodes)


def not_above(threshold):
    """The largest single-precision number that is not above the threshold: it splits single-precision numbers the same way."""
    rounded = np.float32(threshold)
    return float(np.nextafter(rounded, np.float32(-np.inf))) if float(rounded) > threshold else float(rounded)
