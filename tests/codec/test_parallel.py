"""Tiles side by side: in order, on no more cores than asked for, and to the same bytes."""

import math
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import codec
from codec import parallel
from codec.media import picture


@pytest.mark.parametrize("threads, items, most", [(1, 5, 1), (2, 6, 2), (3, 2, 2)])
def test_never_more_at_once_than_asked_for(threads, items, most):
    lock, running, seen = threading.Lock(), [0], []

    def work(n):
        with lock:
            running[0] += 1
            seen.append(running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1
        return n
    assert list(parallel.in_order(work, range(items), threads)) == list(range(items))
    assert max(seen) == most


def test_what_nobody_takes_is_not_computed():
    started = []
    results = parallel.in_order(started.append, range(50), 2)
    next(results)
    results.close()
    assert len(started) <= 4


def test_an_error_comes_where_its_result_would():
    results = parallel.in_order(lambda n: 1 // (2 - n), range(4), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_what_is_needed_comes_first_and_an_error_reaches_whoever_needs_it():
    needs = {0: [], 4: [0], 2: [0, 4], 1: [0, 2], 3: [2, 4]}
    for threads in (1, 2, 9):
        with parallel.by_need(lambda n, *found: [n, *found], needs, threads) as result:
            assert result(1) == [1, [0], [2, [0], [4, [0]]]]
    with pytest.raises(ZeroDivisionError), parallel.by_need(
            lambda n, *found: 1 // (n - 4), needs, 2) as result:
        assert result(0) == -1
        result(3)


def test_each_matrix_product_takes_one_core():
    def cores(_=None):
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    before = cores()
    [alone] = parallel.in_order(cores, range(1), 2)
    several = list(parallel.in_order(cores, range(3), 2))
    assert alone == {1} and several == [{1}] * 3
    assert cores() == before


def test_libraries_that_were_loaded_later_take_one_core_too():
    code = """if True:
        from codec import parallel
        [nothing] = parallel.in_order(abs, [0], 2)
        import scipy.linalg
        from threadpoolctl import threadpool_info
        [found] = parallel.in_order(lambda _: threadpool_info(), [0], 2)
        print(*{pool["num_threads"] for pool in found if pool["user_api"] == "blas"})
    """
    pytest.importorskip("scipy.linalg")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                         env=os.environ | {"OPENBLAS_NUM_THREADS": "2"})
    assert out.stdout == "1\n"


def test_any_number_of_threads_gives_the_same_file(photo, monkeypatch):
    monkeypatch.setattr(picture, "TILE", 64)
    files = [codec.compress(photo, quality=50, threads=threads) for threads in (1, 2, 5)]
    assert files[0] == files[1] == files[2] and codec.info(files[0])["tiles"] == 20
    pictures = [codec.decompress(files[0], threads=threads).pixels for threads in (1, 2, 5)]
    assert (np.abs(pictures[0].astype(int) - pictures) <= 1).all()
    assert codec.verify(files[0])["symbols"] == 13 * 19 * 384


@pytest.mark.parametrize("cgroup, files, cores", [
    ("0::/a/b", {"a/b/cpu.max": "150000 100000"}, 1.5),
    ("0::/a/b", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 0.5),
    ("0::/", {"cpu.max": "300000 100000"}, 3),
    ("0::/", {}, math.inf), ("0::/", {"cpu.max": "nonsense"}, math.inf),
    ("4:cpu,cpuacct:/d\n3:memory:/d", {"cpu/d/cpu.cfs_quota_us": "200000",
                                       "cpu/d/cpu.cfs_period_us": "100000"}, 2),
    ("4:cpu,cpuacct:/d", {"cpu/d/cpu.cfs_quota_us": "-1", "cpu/d/cpu.cfs_period_us": "100000"},
     math.inf),
    ("nonsense", {}, math.inf), ("", {}, math.inf), ("0::/../../x", {}, math.inf),
    ("0::/caf\udce9", {"cpu.max": "100000 100000"}, 1)])       # a name of any bytes
def test_a_containers_quota_counts(tmp_path, cgroup, files, cores):
    there = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in ({"proc/self/cgroup": cgroup} | there).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(os.fsencode(text))
    assert parallel._quota(tmp_path) == cores
    assert parallel._quota(tmp_path / "none") == math.inf
