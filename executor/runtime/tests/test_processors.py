"""How many processors there are: the ones the process is bound to, and what its control groups leave it."""

import os

import pytest

from nbhoist_runtime import processors


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Control groups of this process: lines of `/proc/self/cgroup`, and files below `/sys/fs/cgroup`."""
    monkeypatch.setattr(processors, "_OWN", str(tmp_path / "own"))
    monkeypatch.setattr(processors, "_GROUPS", str(tmp_path / "groups"))

    def make(own, files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return processors.count()

    return make


def _bound():
    return len(os.sched_getaffinity(0))


def test_without_limits_it_is_what_the_process_is_bound_to(groups):
    assert groups("0::/user.slice\n", {"user.slice/cpu.max": "max 100000\n"}) == _bound()


def test_the_second_version_limits_by_any_group_around_it(groups):
    assert groups("0::/pod/box\n", {"pod/cpu.max": "80000 100000\n", "pod/box/cpu.max": "max 100000\n"}) == 0


def test_the_first_version_limits(groups):
    own = "5:cpu,cpuacct:/box\n4:memory:/box\n"
    files = {"cpu,cpuacct/box/cpu.cfs_quota_us": "150000\n", "cpu,cpuacct/box/cpu.cfs_period_us": "100000\n"}
    assert groups(own, files) == 1


def test_a_container_sees_its_group_at_the_top(groups):
    assert groups("3:cpu:/docker/0123\n", {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}) == 0


def test_no_limit_and_what_cannot_be_read_limit_nothing(groups):
    assert groups("3:cpu:/box\nnonsense\n", {"cpu/box/cpu.cfs_quota_us": "-1\n", "cpu/box/cpu.cfs_period_us": "x\n"}) == _bound()
