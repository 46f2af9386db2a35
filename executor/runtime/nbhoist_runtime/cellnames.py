"""File names of cells' code as the kernel gives them, so that tracebacks, warnings and later lookups of sources agree.

ipykernel names a cell's file after a hash of its text, in a directory named after the kernel's process.
"""

import os


def scheme(shell):
    """How the kernel's shell names the code of cells, for the worker; None when it is not ipykernel's way."""
    compiler = getattr(shell, "compile", None)
    if not type(compiler).__module__.startswith("ipykernel."):
        return None
    try:
        probe = compiler.get_code_name("x", "x", 0)
    except Exception:
        return None
    base, extension = os.path.splitext(os.path.basename(probe))
    for seed in (0xC70F6907,):
        if base == str(murmur2("x", seed)):
            return {"prefix": probe[: len(probe) - len(base + extension)], "seed": seed, "suffix": extension}
    return {"constant": probe}


def name(rule, source):
    """The file name for a cell under a `scheme`."""
    if "constant" in rule:
        return rule["constant"]
    return rule["prefix"] + str(murmur2(source, rule["seed"])) + rule["suffix"]


def murmur2(text, seed):
    """MurmurHash2 in 32 bits, with which ipykernel names cells."""
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    data = text.encode("utf-8")
    value = seed ^ len(data)
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * factor & mask
        word = (word ^ word >> 24) * factor & mask
        value = (value * factor & mask) ^ word
    if len(data) > whole:
        value = (value ^ int.from_bytes(data[whole:], "little")) * factor & mask
    value = (value ^ value >> 13) * factor & mask
    return value ^ value >> 15
