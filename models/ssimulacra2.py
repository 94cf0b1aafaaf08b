"""SSIMULACRA2, how alike two pictures look to people: 100 is the same, 90 hard to tell apart, 70
high quality, 50 medium, 30 low. For arrays in NumPy, and as what training can differentiate.

Source: Jon Sneyers (Cloudinary), "SSIMULACRA 2" (2022, version 2.1 of 2023), whose weights and
constants these are; the border is that of the Python package of this name.

xp is numpy or tensorflow.experimental.numpy, whichever the arguments are of; planes are
[..., 3, height, width].
"""

from __future__ import annotations

import numpy as np

RADIUS, SIGMA = 5, 1.5          # of the blur
LEVELS, LEAST = 6, 8            # scales, and the shortest side that one has
STRIP = 256                     # rows and columns that are worked on at once
C2 = 0.0009
OPSIN = np.array([[0.3, 0.622, 0.078], [0.23, 0.692, 0.078],
                  [0.24342268924547819, 0.20476744424496821, 0.5518098665095536]], np.float32)
OPSIN_BIAS = 0.0037930732552754493
XYB = np.array([[7, -7, 0], [0.5, 0.5, 0], [-0.5, -0.5, 1]], np.float32)
XYB_OFFSET = np.float32([0.42, 0.01, 0.55] - np.cbrt(OPSIN_BIAS) * XYB.sum(1))
WEIGHTS = np.array([
    # mean, and 4-norm, of: structure, artefacts, lost detail; a row a scale; X, then Y, then B
    0.0, 0.0007376606707406586, 0.0, 0.0, 0.0007793481682867309, 0.0,
    0.0, 0.0004371155730107379, 0.0, 1.1041726426657346, 0.00066284834129271,
    0.00015231632783718752,
    0.0, 0.0016406437456599754, 0.0, 1.8422455520539298, 11.441172603757666, 0.0,
    0.0007989109436015163, 0.000176816438078653, 0.0, 1.8787594979546387, 10.94906990605142, 0.0,
    0.0007289346991508072, 0.9677937080626833, 0.0, 0.00014003424285435884, 0.9981766977854967,
    0.00031949755934435053,
    0.0004550992113792063, 0.0, 0.0, 0.0013648766163243398, 0.0, 0.0,

    0.0, 0.0, 0.0, 7.466890328078848, 0.0, 17.445833984131262,
    0.0006235601634041466, 0.0, 0.0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264,
    225.20515300849274, 0.0, 0.0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985,
    176.39317598450694, 0.0, 0.0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408,
    0.0, 0.0, 0.0, 34.77906344483772, 44.835625328877896, 0.0,
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0,

    0.0, 0.0008680556573291698, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0005313191874358747, 0.0, 0.00016533814161379112, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0004179171803251336, 0.0017290828234722833, 0.0,
    0.0020827005846636437, 0.0, 0.0, 8.826982764996862, 23.19243343998926, 0.0,
    95.1080498811086, 0.9863978034400682, 0.9834382792465353, 0.0012286405048278493,
    171.2667255897307, 0.9807858872435379,
    0.0, 0.0, 0.0, 0.0005130064588990679, 0.0, 0.00010854057858411537])
SCALE, CUBIC, POWER = 0.9562382616834844, (
    2.326765642916932, -0.020884521182843837, 6.248496625763138e-05), 0.6276336467831387


def score(a, b) -> float:
    """SSIMULACRA2 of b beside a: uint8 [H, W, 3] in sRGB, arrays or what gives rows as they do; at
    most 100; nan where a side is under 8 pixels.

    >>> gray = np.full([64, 96, 3], 99, np.uint8)
    >>> score(gray, gray), round(score(gray, gray + np.uint8(9)), 1)
    (100.0, 97.5)
    """
    levels = [lambda top, bottom, x=x: LINEAR[planes_of(x[top:bottom], np)] for x in (a, b)]
    total, shapes = 0.0, _scales(a.shape[:2])
    for scale, (height, width) in enumerate(shapes):
        halves = [np.empty([3, -(-height // 2), -(-width // 2)], np.float32) for _ in levels]
        sums = np.zeros([3, 2, 3])
        for top in range(0, height, STRIP):
            bottom = min(height, top + STRIP)
            first, last = max(0, top - RADIUS), min(height, bottom + RADIUS)
            strips = [level(first, last) for level in levels]
            for half, strip in zip(halves, strips):
                half[:, top // 2:-(-bottom // 2)] = halved(strip[:, top - first:bottom - first], np)
            before, after = (_xyb(strip, ..., np) for strip in strips)
            sums += _sums(before, after, (top, bottom), height)
        norms = (sums / (height * width)) ** [[[1.0], [0.25]]]
        total += float(np.sum(norms * _weights(len(shapes))[:, scale]))
        levels = [lambda top, bottom, half=half: half[:, top:bottom] for half in halves]
    return 100 - 10 * _distance(total) if shapes else float("nan")


def distance(a, b, xp):
    """(100 - score) / 10 of each of a batch: [B, H, W, 3] in 0..255 -> [B]; sides 8 at least.

    What counts for less than a thousandth of all is left out.
    """
    levels, total = [_to_linear(planes_of(x, xp) / 255, xp) for x in (a, b)], 0.0
    shapes = _scales(a.shape[1:3])
    for (height, width), weights in zip(shapes, np.swapaxes(_weights(len(shapes)), 0, 1)):
        planes = weights.max((1, 2)) > 0.1
        if planes.any():
            rows, columns = (blur_matrix(n, (0, n), (0, n), mirrored)
                             for n, mirrored in ((height, True), (width, False)))
            a, b = (_xyb(level, planes, xp) for level in levels)
            maps = _maps(a, b, rows, columns, ..., xp)
            fourth = xp.mean(maps**4, axis=(-2, -1)) + 1e-16         # a root has no slope at 0
            norms = xp.stack([xp.mean(maps, axis=(-2, -1)), fourth**0.25], -2)
            total += xp.sum(norms * weights[planes].astype(np.float32), axis=(-3, -2, -1))
        levels = [halved(level, xp) for level in levels]
    return _distance(total)


def _scales(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """The height and width of each scale."""
    shapes = [tuple(-(-n // 2**i) for n in shape) for i in range(LEVELS)]
    return [shape for shape in shapes if min(shape) >= LEAST]


def _weights(scales: int) -> np.ndarray:
    """[3, scales, 2, 3]; where a picture has fewer scales, the first of all of them are taken."""
    return WEIGHTS.ravel()[:scales * 18].reshape(3, scales, 2, 3)


def _distance(total):
    linear, square, cube = CUBIC
    x = SCALE * total
    return (x * (linear + x * (square + x * cube))) ** POWER


def _sums(a, b, rows: tuple[int, int], height: int) -> np.ndarray:
    """Of rows of XYB planes that have RADIUS more above and below, within so many: the sums of the
    maps and of their fourth powers, [3, 2, 3]."""
    total, width = np.zeros([3, 2, 3]), a.shape[-1]
    first, last = max(0, rows[0] - RADIUS), min(height, rows[1] + RADIUS)
    down = blur_matrix(height, rows, (first, last), True)
    for left in range(0, width, STRIP):
        columns = left, min(width, left + STRIP)
        start, stop = max(0, left - RADIUS), min(width, columns[1] + RADIUS)
        across = blur_matrix(width, columns, (start, stop), False)
        inner = (..., slice(rows[0] - first, rows[1] - first),
                 slice(columns[0] - start, columns[1] - start))
        maps = _maps(a[..., start:stop], b[..., start:stop], down, across, inner, np)
        squares = maps * maps
        total += np.stack([maps.sum((-2, -1), dtype=np.float64),
                           (squares * squares).sum((-2, -1), dtype=np.float64)], -2)
    return total


def _maps(a, b, rows, columns, inner, xp):
    """XYB planes -> what differs at each place of `inner`: [..., 3, 3, h, w], by plane: structure,
    artefacts (edges that only b has), lost detail (edges that only a has)."""
    def blur(x):
        return xp.matmul(rows, xp.matmul(x, columns.T))
    mean_a, mean_b, error = blur(a), blur(b), a - b
    squared = (mean_a - mean_b)**2
    variances = blur(a * a + b * b) - mean_a**2 - mean_b**2 + C2
    apart = blur(error * error) - squared           # variances less twice the covariance
    structure = (apart + squared * (variances - apart)) / variances
    edges = (1 + xp.abs(b[inner] - mean_b)) / (1 + xp.abs(a[inner] - mean_a)) - 1
    return xp.maximum(xp.stack([structure, edges, -edges], -3), 0)


def blur_matrix(size: int, to: tuple[int, int], of: tuple[int, int], mirrored: bool) -> np.ndarray:
    """What blurs part of an axis of this size: float32 [to, of]. Beyond its ends the axis is
    mirrored, or zero."""
    taps = np.exp(-np.arange(-RADIUS, RADIUS + 1) ** 2 / (2 * SIGMA**2))
    matrix = np.zeros([to[1] - to[0], of[1] - of[0]])
    for row, centre in enumerate(range(*to)):
        for at, tap in zip(range(centre - RADIUS, centre + RADIUS + 1), taps / taps.sum()):
            if mirrored:
                at = -1 - at if at < 0 else min(at, 2 * size - 1 - at)
            if 0 <= at < size:
                matrix[row, at - of[0]] += tap
    return matrix.astype(np.float32)


def planes_of(x, xp):
    return xp.swapaxes(xp.swapaxes(x, -1, -2), -2, -3)          # [..., h, w, 3] -> [..., 3, h, w]


def _to_linear(x, xp):
    """sRGB in 0..1 -> linear."""
    return xp.where(x <= 0.04045, x / 12.92, ((xp.maximum(x, 0.04045) + 0.055) / 1.055) ** 2.4)


LINEAR = _to_linear(np.arange(256) / 255, np).astype(np.float32)      # of 8-bit samples


def _xyb(linear, planes, xp):
    """Linear RGB planes -> those wanted of X, Y, B - Y, made positive."""
    def mixed(matrix, x):
        return xp.einsum("oi,...ihw->...ohw", matrix, x)
    roots = (mixed(OPSIN, linear) + OPSIN_BIAS) ** np.float32(1 / 3)
    return mixed(XYB[planes], roots) + XYB_OFFSET[planes][:, None, None]


def halved(x, xp):
    """Means of every 2x2; an odd side is first continued by its last row or column."""
    for axis, size in (-2, x.shape[-2]), (-1, x.shape[-1]):
        if size % 2:
            x = xp.concatenate([x, x[..., -1:, :] if axis == -2 else x[..., -1:]], axis)
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
