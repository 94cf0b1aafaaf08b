"""The encoder's search for motion: fields that cost few bits and predict well.

Optical flow between the frames as they were says where to look; corrections are then tried, on
coarse grids first, against references as they are decoded. Nothing here has to be the same
anywhere: what is found is coded.

Source of the flow: T. Kroeger et al., "Fast optical flow using dense inverse search" (ECCV 2016),
by OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np

from codec.media import video_drawn, video_motion
from codec.media.video_motion import CHOICE, FIELD, GRIDS, built
from codec.media.video_prediction import NONE, predict
from codec.models.errors import CodecError

WORTH = 0.3             # share of lambda that an error of the prediction counts by
CHOICE_WORTH = 0.5
STEPS = 4, 2, 1         # quarters of a pixel
KEEP = 0.5              # bits that a change of a vector has to save
CHOICE_BITS, NONE_BITS, SAME_BITS = 3.0, 60.0, 2.0      # the last: saved by a neighbour's


def opencv() -> ModuleType:
    """Raises CodecError where it is not installed."""
    try:
        import cv2
    except ImportError:
        raise CodecError("clips are compressed with opencv-python-headless, which is not "
                         "installed; run: python -m pip install 'tfci[video]'", "missing") from None
    return cv2


Sizes = tuple[np.ndarray, np.ndarray]       # luma as float32, and at half the size


@dataclass(frozen=True)
class Motion:
    """What is coded of a frame's prediction: for each reference its corrections, whether they are
    of the fields that known ones suggest, and the choices; and the fields."""

    corrections: list[list[np.ndarray]]
    guessed: bool
    choices: np.ndarray
    fields: list[np.ndarray]


def seen(pixels: np.ndarray) -> np.ndarray:
    """The luma of a frame uint8 [H, W, 3], uint8, padded to whole cells of the coarsest grid."""
    cv2 = opencv()
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    down, right = (-n % GRIDS[0] for n in luma.shape)
    return cv2.copyMakeBorder(luma, 0, down, 0, right, cv2.BORDER_REPLICATE)


def _sizes(luma: np.ndarray) -> Sizes:
    whole = luma.astype(np.float32)
    return whole, opencv().resize(whole, None, fx=0.5, fy=0.5,
                                  interpolation=opencv().INTER_AREA)


def search(pixels: np.ndarray, original: np.ndarray, sources: list[np.ndarray],
           decoded: list[np.ndarray], bases: list[np.ndarray] | None, lmbda: float) -> Motion:
    """The motion of a frame uint8 [H, W, 3]; original: the same as `seen`; sources: its references
    as they were, decoded: uint8, as they are decoded; bases: fields that known ones suggest; lmbda:
    bits a pixel for a squared error."""
    grids = video_motion.shapes(*pixels.shape[:2])
    flows = [_flow(original, source)[:grids[-1][0], :grids[-1][1]] for source in sources]
    zero = np.zeros(grids[-1], np.int64)
    guessed = bases is not None and sum(_bits(f - b).sum() for f, b in zip(flows, bases)) < (
        _bits(flows[0]).sum() + sum(_bits(f + flows[0]).sum() for f in flows[1:]))
    fields, corrections, other, sizes = list[np.ndarray](), [], None, _sizes(original)
    for i, (flow, reference) in enumerate(zip(flows, decoded)):
        base = bases[i] if guessed and bases else -fields[0] if i else zero
        frame = _sizes(seen(reference))
        found = _corrections(sizes, frame, base, flow, grids, WORTH * lmbda, other)
        corrections.append(found)
        fields.append(built(base, found))
        other = [_warped(frame, fields[-1], half) for half in (0, 1)]
    choices = _choices(pixels, decoded, fields, CHOICE_WORTH * lmbda)
    return Motion(corrections, guessed, choices, fields)


def search_drawn(pixels: np.ndarray, original: np.ndarray, source: np.ndarray,
                 decoded: np.ndarray, lmbda: float) -> Motion:
    """The same of a frame that was drawn, from a single reference: whole cells by whole pixels."""
    corrections = video_drawn.moved(pixels, original, source, decoded,
                                    video_motion.shapes(*pixels.shape[:2]), lmbda)
    choices = np.zeros([-(-n // CHOICE) for n in pixels.shape[:2]], np.int64)
    return Motion([corrections], False, choices, [built(0 * corrections[-1], corrections, True)])


def _flow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where the pixels of 8x8 cells of a are in b, in quarters of a pixel: int [rows, columns, 2].
    """
    cv2 = opencv()
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(a, b, None)
    rows, columns = (n // FIELD for n in a.shape)
    cells = cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(4 * cells, -video_motion.MOST, video_motion.MOST)).astype(np.int64)


def _bits(vectors: np.ndarray) -> np.ndarray:
    """What corrections cost, about: [rows, columns]."""
    size = np.abs(vectors)
    return np.where(size.any(-1), 4.0 + 2 * np.log2(1.0 + size).sum(-1), 0.3)


def _corrections(original: Sizes, reference: Sizes, base: np.ndarray, flow: np.ndarray,
                 grids: list[tuple[int, int, int]], worth: float, other) -> list[np.ndarray]:
    """Corrections, coarse to fine, of a base towards a flow and beyond, for the least bits and
    error; other: of two references the first, warped, at both sizes: their mean predicts."""
    cv2 = opencv()
    found = [np.zeros(shape, np.int64) for shape in grids]
    for i, (side, shape) in enumerate(zip(GRIDS, grids)):
        half = int(side > FIELD)             # coarse grids are searched at half the size

        def field(grid: np.ndarray, i=i) -> np.ndarray:
            return built(base, [*found[:i], grid, *found[i + 1:]])

        def cost(grid: np.ndarray, side=side, shape=shape, half=half, field=field) -> np.ndarray:
            shown = _warped(reference, field(grid), half)
            if other is not None:
                shown = 0.5 * (shown + other[half])
            error = (original[half] - shown)**2
            cell = side >> half
            error = cv2.blur(error, (cell // 2 + 1,) * 2)
            rows, columns = (n // cell for n in error.shape)
            each = cv2.resize(error, (columns, rows), interpolation=cv2.INTER_AREA)
            return each[:shape[0], :shape[1]] * (worth * side**2) + _bits(grid)

        target = (flow - field(found[i])).astype(np.float32)
        if side > FIELD:
            target = cv2.resize(target, shape[1::-1], interpolation=cv2.INTER_AREA)
        found[i] = _tried(cost, found[i], np.rint(target).astype(np.int64), i == 0)
    return found


def _tried(cost, start: np.ndarray, target: np.ndarray, everywhere: bool) -> np.ndarray:
    """The grid of corrections that costs least of those tried: the target, its median everywhere,
    and steps from the best of them."""
    best, least = start, cost(start)
    for step in (0, *STEPS):
        if step:
            trials = [best + step * np.array(way) for way in ((1, 0), (-1, 0), (0, 1), (0, -1))]
            trials.append(0 * best)
        else:
            trials = [target]
            if everywhere:
                trials.append(0 * target + np.median(target.reshape(-1, 2), 0).astype(np.int64))
        new, lowest = best, least
        for trial in trials:
            tried = cost(trial)
            better = tried < lowest - KEEP
            new, lowest = np.where(better[..., None], trial, new), np.where(better, tried, lowest)
        total = cost(new)                   # neighbours changed too
        if total.sum() < least.sum():
            best, least = new, total
    return best


def _warped(reference: Sizes, field: np.ndarray, half: int) -> np.ndarray:
    """Luma of a reference as a field moves it, at whole or half the size: float32."""
    cv2 = opencv()
    source = reference[half]
    height, width = source.shape
    rows, columns = (n // FIELD for n in reference[0].shape)
    padded = np.pad(field, [(0, rows - field.shape[0]), (0, columns - field.shape[1]), (0, 0)],
                    mode="edge").astype(np.float32)
    moved = cv2.resize(padded * (0.25 / (1 + half)), (width, height),
                       interpolation=cv2.INTER_LINEAR)
    x, y = _mesh(height, width)
    return cv2.remap(source, x + moved[..., 0], y + moved[..., 1],
                     cv2.INTER_LINEAR if half else cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@cache
def _mesh(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x, y


def _choices(pixels: np.ndarray, decoded: list[np.ndarray], fields: list[np.ndarray],
             worth: float) -> np.ndarray:
    """For each 16x16 what predicts best for its bits: 0 all references, 1 the first, 2 the second,
    3 none, since what is there is not in them."""
    grid = [-(-n // CHOICE) for n in pixels.shape[:2]]
    all_there = np.zeros(grid, np.int64)
    warped = [predict([r], [f], all_there) for r, f in zip(decoded, fields)]
    tried = [warped, *([w] for w in warped)] if len(warped) == 2 else [warped]
    errors = [_by_cell(_squared(pixels, shown), grid) for shown in tried]
    # a mean takes a few bits, wherever it lies
    errors.append(sum(_by_cell(plane**2, grid) - _by_cell(plane, grid)**2 for plane in (
        pixels[..., c].astype(np.float32) for c in range(3))) / 3)
    extra = [0.0, *[CHOICE_BITS] * (len(errors) - 2), NONE_BITS]
    cost = np.stack(errors) * (worth * CHOICE**2) + np.array(extra)[:, None, None]
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


def _by_cell(samples: np.ndarray, grid: list[int]) -> np.ndarray:
    """Means of 16x16 samples, those at the border over what is there."""
    cv2 = opencv()
    height, width = samples.shape[:2]
    padded = cv2.copyMakeBorder(samples, 0, grid[0] * CHOICE - height, 0, grid[1] * CHOICE - width,
                                cv2.BORDER_REFLECT_101 if min(height, width) > CHOICE else
                                cv2.BORDER_REPLICATE)
    return cv2.resize(padded, tuple(grid[::-1]), interpolation=cv2.INTER_AREA)
