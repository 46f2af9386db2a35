"""How many processors this process may use: those it is bound to, and the share that its control groups leave it (Linux, cgroups(7))."""

import os

_OWN = "/proc/self/cgroup"
_GROUPS = "/sys/fs/cgroup"


def count():
    """Whole processors, 0 for less than one; None where that cannot be told."""
    affinity = getattr(os, "sched_getaffinity", None)
    bound = len(affinity(0)) if affinity is not None else os.cpu_count()
    limits = [limit for limit in [bound, *_limits()] if limit is not None]
    return int(min(limits)) if limits else None


def _limits():
    """The share that each control group around this process has, in processors."""
    try:
        with open(_OWN, encoding="utf-8") as lines:
            groups = [line.rstrip("\n").split(":", 2) for line in lines]
    except (OSError, ValueError):
        return []
    found = []
    for group in groups:
        controllers, path = group[1:] if len(group) == 3 else ("none", "/")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounted = os.path.join(_GROUPS, controllers)
        # A container sees its own group at the top, whatever its path is called outside.
        while True:
            found.append(_limit(mounted + path.rstrip("/")))
            if path in ("/", ""):
                break
            path = os.path.dirname(path)
    return found


def _limit(folder):
    quota, period = _numbers(folder, "cpu.max") or (_numbers(folder, "cpu.cfs_quota_us") + _numbers(folder, "cpu.cfs_period_us") + [0, 0])[:2]
    return quota / period if quota > 0 and period > 0 else None


def _numbers(folder, name):
    """The numbers in a file of a control group; none where there is no limit."""
    try:
        with open(os.path.join(folder, name), encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except (OSError, ValueError):
        return []
