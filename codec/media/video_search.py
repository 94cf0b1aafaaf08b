"""The encoder's search for motion: fields that cost few bits and predict well.

Optical flow between the frames as they were, and blocks that look alike at a quarter of the size,
say where to look; the loops then try these, what cells beside have, and steps from there, against
references as they are decoded. Nothing here has to be the same anywhere: what is found is coded.

Source of the flow: T. Kroeger et al., "Fast optical flow using dense inverse search" (ECCV 2016),
by OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import numpy as np

from codec.media import video_drawn, video_motion
from codec.media.video_motion import CHOICE, FIELD, built, cells
from codec.media.video_prediction import NONE, TAPS, predict
from codec.models.errors import CodecError

# an error e is worth WORTH lambda f log(1 + e / f) bits, f = FULL / lambda: what is all wrong is
# not so much worse if it is more so
WORTH, FULL, CHOICE_FULL = 1.0, 1.0, 0.7
ROUNDS = 6
TURNS = (0,), (0, 1, 0)     # the order in which fields of one, of two references are searched
CHOICE_BITS, NONE_BITS, SAME_BITS = 3.0, 60.0, 2.0      # the last: saved by a neighbour's


def opencv() -> ModuleType:
    """Raises CodecError where it is not installed."""
    return _installed("cv2", "opencv-python-headless")


def compiled() -> ModuleType:
    """The loops of the search; raises CodecError where numba is not installed."""
    return _installed("codec.media.video_search_loops", "numba")


def _installed(module: str, package: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError:
        raise CodecError(f"clips are compressed with {package}, which is not installed; run: "
                         "python -m pip install 'tfci[video]'", "missing") from None


@dataclass(frozen=True)
class Motion:
    """What is coded of a frame's prediction: for each reference its corrections, whether they are
    of the fields that known ones suggest, and the choices; and the fields."""

    corrections: list[np.ndarray]
    guessed: bool
    choices: np.ndarray
    fields: list[np.ndarray]


def seen(pixels: np.ndarray) -> np.ndarray:
    """The luma of a frame uint8 [H, W, 3], uint8, padded to whole cells of 16."""
    cv2 = opencv()
    down, right = (-n % CHOICE for n in pixels.shape[:2])
    return cv2.copyMakeBorder(luma(pixels), 0, down, 0, right, cv2.BORDER_REPLICATE)


def luma(pixels: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] -> [H, W]."""
    return opencv().cvtColor(pixels, opencv().COLOR_RGB2GRAY)


def search(pixels: np.ndarray, original: np.ndarray, sources: list[np.ndarray],
           decoded: list[np.ndarray], bases: list[np.ndarray] | None, lmbda: float) -> Motion:
    """The motion of a frame uint8 [H, W, 3]; original: the same as `seen`; sources: its references
    as they were, decoded: uint8, as they are decoded; bases: fields that known ones suggest; lmbda:
    bits a pixel for a squared error."""
    loops, size = compiled(), pixels.shape[:2]
    zero = np.zeros([*cells(size, FIELD), 2], np.int64)
    starts = [np.ascontiguousarray(_starts(original, source)[:, :len(zero), :zero.shape[1]])
              for source in sources]            # loops are compiled for each layout of arrays
    planes = [loops.planes(luma(reference), TAPS) for reference in decoded]
    target = np.pad(original[:size[0], :size[1]].astype(np.int16), loops.EDGE, mode="edge")
    shares = [loops.shares(n) for n in size]
    fields, corrections = [zero] * len(decoded), [zero.copy() for _ in decoded]
    pair = len(decoded) - 1
    if bases and not _are_near(bases, [start[0] for start in starts]):
        bases = None
    # where the base of the second is the first one turned round, that stays as it is
    for turn, i in enumerate(TURNS[pair] if bases else TURNS[pair][:2]):
        base = bases[i] if bases else -fields[0] if i else zero
        wanted, worth, full = target, WORTH * lmbda, FULL / lmbda * FIELD**2
        if turn:                        # what makes a mean with the other; errors count a quarter
            other = loops.overlapped(planes[1 - i], fields[1 - i], *shares)
            wanted, worth, full = 2 * target - other, worth / 4, 4 * full
        twins = (corrections[0] if i else zero).any(-1).astype(np.int64)
        loops.search(loops.Task(wanted, planes[i], *shares, worth, full, i + pair, base, twins),
                     starts[i], corrections[i], ROUNDS)
        fields[i] = built(base, corrections[i])
    choices = _choices(pixels, decoded, fields, lmbda)
    return Motion(corrections, bases is not None, choices, fields)


def _are_near(bases: list[np.ndarray], flows: list[np.ndarray]) -> bool:
    """Whether flows are nearer to what known fields suggest than to nothing, and the first one
    turned round."""
    def far(vectors: np.ndarray) -> float:
        return float(np.log2(1.0 + np.abs(vectors)).sum())
    return sum(far(flow - base) for flow, base in zip(flows, bases)) < far(flows[0]) + sum(
        far(flow + flows[0]) for flow in flows[1:])


def _starts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where cells of a may be in b, int [2, rows, columns, 2]."""
    cv2, loops = opencv(), compiled()
    small = (cv2.resize(whole, None, fx=1 / loops.COARSE, fy=1 / loops.COARSE,
                        interpolation=cv2.INTER_AREA).astype(np.int16) for whole in (a, b))
    found = loops.coarse(*small, *(n // CHOICE for n in a.shape))
    return np.stack([_flow(a, b), found.repeat(2, 0).repeat(2, 1)])


def search_drawn(pixels: np.ndarray, original: np.ndarray, source: np.ndarray,
                 decoded: np.ndarray, lmbda: float) -> Motion:
    """The same of a frame that was drawn, from a single reference: whole cells by whole pixels."""
    field = video_drawn.moved(pixels, original, source, decoded, lmbda)
    choices = np.zeros(cells(pixels.shape[:2], CHOICE), np.int64)
    return Motion([field], False, choices, [field])


def _flow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where the pixels of 8x8 cells of a are in b, in quarters of a pixel: int [rows, columns, 2].
    """
    cv2 = opencv()
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(a, b, None)
    rows, columns = (n // FIELD for n in a.shape)
    mean = cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(4 * mean, -video_motion.MOST, video_motion.MOST)).astype(np.int64)


def _choices(pixels: np.ndarray, decoded: list[np.ndarray], fields: list[np.ndarray],
             lmbda: float) -> np.ndarray:
    """For each 16x16 what predicts best for its bits: 0 all references, 1 the first, 2 the second,
    3 none, since what is there is not in them."""
    grid = cells(pixels.shape[:2], CHOICE)
    all_there = np.zeros(grid, np.int64)
    warped = [predict([r], [f], all_there) for r, f in zip(decoded, fields)]
    tried = [warped, *([w] for w in warped)] if len(warped) == 2 else [warped]
    errors = [_by_cell(_squared(pixels, shown), grid) for shown in tried]
    # a mean takes a few bits, wherever it lies
    errors.append(sum(_by_cell(plane**2, grid) - _by_cell(plane, grid)**2 for plane in (
        pixels[..., c].astype(np.float32) for c in range(3))) / 3)
    extra = [0.0, *[CHOICE_BITS] * (len(errors) - 2), NONE_BITS]
    full = CHOICE_FULL / lmbda
    cost = WORTH * CHOICE_FULL * CHOICE**2 * np.log1p(np.stack(errors) / full)
    cost += np.array(extra)[:, None, None]
    near = np.pad(cost.argmin(0), 1, mode="edge")
    found = np.stack([each - SAME_BITS * ((near[1:-1, :-2] == k).astype(int)
                                          + (near[:-2, 1:-1] == k))
                      for k, each in enumerate(cost)]).argmin(0)
    return np.where(found == len(cost) - 1, NONE, found)


def _squared(pixels: np.ndarray, shown: list[np.ndarray]) -> np.ndarray:
    """The squared error of the mean of frames uint8 [H, W, 3], mean of channels: float32 [H, W]."""
    out = np.zeros(pixels.shape[:2], np.float32)
    for c in range(3):          # not all of them in float32 at once
        mean = np.mean([frame[..., c] for frame in shown], 0, dtype=np.float32)
        out += (pixels[..., c] - mean)**2 / 3
    return out


def _by_cell(samples: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Means of 16x16 samples, those at the border over what is there."""
    cv2 = opencv()
    height, width = samples.shape[:2]
    padded = cv2.copyMakeBorder(samples, 0, grid[0] * CHOICE - height, 0, grid[1] * CHOICE - width,
                                cv2.BORDER_REFLECT_101 if min(height, width) > CHOICE else
                                cv2.BORDER_REPLICATE)
    return cv2.resize(padded, grid[::-1], interpolation=cv2.INTER_AREA)
