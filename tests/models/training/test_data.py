import numpy as np
import pytest
import tensorflow as tf

from codec.models.training import data


def of_rank(rank: int):
    """Two arrays whose samples are all different, and a patch."""
    shapes = {1: [(9, 2), (7, 2)], 2: [(6, 9, 3), (8, 5, 3)], 3: [(4, 5, 6, 1), (3, 7, 5, 1)]}[rank]
    first, second = (np.arange(np.prod(shape)).reshape(shape) for shape in shapes)
    return [first.astype(np.int32), second.astype(np.int32) + 10_000], {
        1: (4,), 2: (3, 5), 3: (2, 4, 3)}[rank]


def cropped(arrays, patch, seed, batch: int, count=None) -> np.ndarray:
    samples, table, channels = data.pack(arrays, patch)
    return data.crops(tf.constant(samples), tf.constant(table), channels, tf.constant(seed), batch,
                      patch, count).numpy()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_crop_is_a_part_of_an_array_as_it_is_or_mirrored(rank):
    arrays, patch = of_rank(rank)
    crops = cropped(arrays, patch, [1, 2], 400)
    assert crops.shape == (400, *patch, arrays[0].shape[-1]) and crops.dtype == np.int32
    drawn = []
    for crop in crops:
        for axis in range(3) if rank == 3 else [rank - 1]:
            mirrored = crop.take(0, axis).ravel()[0] > crop.take(-1, axis).ravel()[0]
            crop = np.flip(crop, axis) if mirrored else crop
        which = int(crop.min() >= 10_000)
        array = arrays[which]
        [corner] = np.argwhere(array == crop.ravel()[0])
        part = array[tuple(slice(at, at + side) for at, side in zip(corner, patch))]
        assert (part == crop).all()
        drawn.append((which, bool(mirrored), *corner[:-1].tolist()))
    arrays_drawn, ways, *places = (set(values) for values in zip(*drawn))
    assert arrays_drawn == {0, 1}
    assert ways == ({False} if rank == 1 else {False, True})        # time does not run back
    for i, (found, side) in enumerate(zip(places, patch)):              # borders included
        room = max(array.shape[i] - side for array in arrays)
        assert found == set(range(room + 1))
    if rank > 1:
        assert 0.4 < np.mean([way for _, way, *_ in drawn]) < 0.6


def test_crops_are_a_pure_function_of_their_seed():
    arrays, patch = of_rank(2)
    first, again, other = (cropped(arrays, patch, seed, 8) for seed in ([1, 2], [1, 2], [1, 3]))
    assert (first == again).all() and (first != other).any()


def test_only_so_many_rows_are_drawn_from():
    arrays, patch = of_rank(2)
    assert cropped(arrays, patch, [1, 2], 50).max() >= 10_000
    assert cropped(arrays, patch, [1, 2], 50, count=1).max() < 10_000


def test_what_is_as_large_as_the_patch_is_taken_whole():
    whole = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    crops = cropped([whole], (2, 4), [1, 2], 20)
    assert crops.dtype == np.uint8
    assert all((crop == whole).all() or (crop == whole[:, ::-1]).all() for crop in crops)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_arrays_lie_end_to_end(rank):
    arrays, patch = of_rank(rank)
    small = np.zeros((*patch[:-1], patch[-1] - 1, arrays[0].shape[-1]), np.int32)
    samples, table, channels = data.pack(iter([arrays[0], small, arrays[1]]), patch)
    assert samples.dtype == np.int32 and table.dtype == np.int32
    assert channels == arrays[0].shape[-1]
    assert table.tolist() == [[0, *arrays[0].shape[:-1]],
                              [arrays[0].size, *arrays[1].shape[:-1]]]
    for (offset, *_), array in zip(table, arrays):
        assert (samples[offset:offset + array.size].reshape(array.shape) == array).all()
    assert len(samples) == sum(array.size for array in arrays)


def test_what_comes_after_the_most_is_left_out():
    arrays, patch = of_rank(2)
    size = arrays[0].size
    for most, kept in (size - 1, None), (size, 1), (size + arrays[1].size, 2):
        if kept:
            assert len(data.pack(arrays, patch, most)[1]) == kept
            continue
        with pytest.raises(ValueError, match="holds nothing of at least 3x5 samples"):
            data.pack(arrays, patch, most)


@pytest.mark.parametrize("patch, text", [((64, 64), "64x64"), ((8,), "8"), ((2, 3, 4), "2x3x4")])
def test_what_cannot_be_trained_on_is_said(patch, text):
    with pytest.raises(ValueError, match=f"holds nothing of at least {text} samples"):
        data.pack([np.zeros((*patch[:-1], patch[-1] - 1, 3))], patch)
