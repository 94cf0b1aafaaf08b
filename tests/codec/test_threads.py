"""Any number of callers at once, in threads and processes, get what one alone would; and nothing of
the process is left changed."""

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from threadpoolctl import threadpool_info

import codec

SIZES = [(96, 96), (96, 96), (64, 130), (33, 250), (1, 7), (200, 300), (96, 96), (130, 64)]


def pictures(photo) -> list[np.ndarray]:
    """Different ones, some of one size."""
    return [np.ascontiguousarray(np.roll(photo, 13 * i, (0, 1))[:height, :width])
            for i, (height, width) in enumerate(SIZES)]


def there(pixels: np.ndarray) -> bytes:
    return codec.compress(pixels, quality=60)


def back(blob: bytes) -> bytes:
    return codec.decompress(blob).pixels.tobytes()


@pytest.fixture(scope="module")
def expected(photo):
    """(pictures, their files, the pixels of those), made one after the other."""
    files = [there(pixels) for pixels in pictures(photo)]
    return pictures(photo), files, [back(blob) for blob in files]


def test_eight_threads_get_what_one_would(expected):
    """200 calls in both directions, of several sizes."""
    originals, files, shown = expected

    def call(i: int) -> bool:
        which = i // 2 % len(originals)
        if i % 2:
            return there(originals[which]) == files[which]
        return back(files[which]) == shown[which]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(200)))


def test_threads_that_ask_for_different_cores_too(expected):
    originals, files, _ = expected

    def call(i: int) -> bool:
        which, threads = i % len(originals), 1 + i % 3
        return (codec.compress(originals[which], quality=60, threads=threads) == files[which]
                and codec.verify(files[which])["symbols"] > 0)
    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(call, range(24)))


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_a_pool_of_processes_after_use_in_this_one(expected, how):
    originals, files, shown = expected
    with ProcessPoolExecutor(2, multiprocessing.get_context(how)) as pool:
        assert list(pool.map(there, originals, timeout=300)) == files
        assert list(pool.map(back, files, timeout=300)) == shown


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_that_forked_while_another_thread_was_at_work(expected):
    """Its own calls neither wait for that thread nor for cores that it had asked for."""
    originals, files, _ = expected
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(lambda: [there(originals[5]) for _ in range(6)])
        child = os.fork()
        if child == 0:
            signal.alarm(120)
            os._exit(0 if there(originals[0]) == files[0] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert busy.result() == 6 * [files[5]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("uses", ["uses", "does not use"])
def test_a_forked_process_ends_as_any_other(uses):
    """With interpreters of its parent's, idle and at work, that it leaves alone."""
    program = ("import os, sys, threading, numpy as np, codec\n"
               "pixels = np.zeros([400, 400, 3], np.uint8)\n"
               "blob = codec.compress(pixels)\n"
               "threading.Thread(target=codec.compress, args=[pixels]).start()\n"
               "uses = sys.argv[1] == 'uses'\n"
               "child = os.fork()\n"
               "if uses: assert codec.decompress(blob).pixels.shape == (400, 400, 3)\n"
               "if child: sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n")
    done = subprocess.run([sys.executable, "-c", program, uses], timeout=120)
    assert done.returncode == 0


def test_nothing_of_the_process_is_changed(expected, monkeypatch):
    """Pillow's limit, the warnings' filters, the cores of matrix products, the umask, the file
    behind standard error: as before, and never otherwise meanwhile."""
    originals, files, _ = expected
    blob = io.BytesIO()
    Image.fromarray(originals[0]).save(blob, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)        # an application's own, below ours
    umask = os.umask(0o027)
    filters, file = list(warnings.filters), os.fstat(2)

    def state():
        return (Image.MAX_IMAGE_PIXELS, list(warnings.filters), os.fstat(2).st_ino)

    def cores():
        return [pool["num_threads"] for pool in threadpool_info()]
    before = cores()

    def call(i: int):
        if i % 4 == 3:
            with pytest.raises(codec.CodecError):
                codec.compress(blob.getvalue()[:60])
        else:
            assert codec.compress(blob.getvalue(), quality=60) == files[0]
        return state()
    try:
        with ThreadPoolExecutor(4) as pool:
            seen = list(pool.map(call, range(24)))
        assert all(s == (1000, filters, file.st_ino) for s in seen)
        assert cores() == before
    finally:
        assert os.umask(umask) == 0o027


def test_alpha_is_read_whatever_limit_an_application_has_set(photo, monkeypatch):
    alpha = np.arange(50 * 60, dtype=np.uint16).astype(np.uint8).reshape(50, 60)
    blob = codec.compress(codec.Picture(photo[:50, :60], alpha=alpha))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert (codec.decompress(blob).alpha == alpha).all()


def test_a_failed_call_breaks_no_later_one(expected):
    originals, files, shown = expected
    for _ in range(3):
        with pytest.raises(RuntimeError):           # a number of channels that no graph takes
            codec.engine_for(codec.find_model("photo")).run(
                "analysis", np.zeros([96, 96, 4], np.float32))
        with pytest.raises(codec.CodecError):
            codec.decompress(files[0][:-9])
        assert there(originals[0]) == files[0] and back(files[0]) == shown[0]
