"""Every layer against the values that its family's reference computes (tests/data/layers)."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.models import golden_adapter as adapter

DATA = Path(__file__).parents[2] / "data/layers"


def cases(family):
    grouped = {}
    with np.load(DATA / f"{family}.npz") as arrays:
        for key in arrays.files:
            case, _, field = key.partition("/")
            grouped.setdefault(case, {})[field] = arrays[key]
    for case in grouped.values():
        case["meta"] = json.loads(str(case["meta"]))
    return [pytest.param(case, id=name) for name, case in grouped.items()]


def check(found, expected, meta):
    """Everything expected is there, of its shape, and near enough."""
    assert expected
    for name, want in expected.items():
        got = np.asarray(found[name])
        assert got.shape == want.shape, name
        scale = max(1.0, float(np.abs(want).max(initial=0)))
        near = meta["atol"] + meta["rtol"] * scale * (1 if name == "y" else 5)
        assert np.abs(got - want).max(initial=0) <= near, name      # NaN fails, too


def picked(case, *names):
    return {n: case[n] for n in names if n in case}


@pytest.mark.parametrize("case", cases("signalconv"))
def test_signal_conv(case):
    meta = case["meta"]
    found = adapter.signal_conv(meta["rank"], meta["filters"], tuple(meta["kernel_support"]),
                                meta["args"], case["x"], case["kernel"], case.get("bias"),
                                case.get("dy"))
    check(found, picked(case, "y", "dx", "dkernel", "dbias"), meta)


@pytest.mark.parametrize("case", cases("rdft"))
def test_rdft(case):
    real, imag = adapter.rdft_analyse(case["kernel"])
    found = adapter.rdft_synthesise(case["free_real"], case["free_imag"],
                                    tuple(case["meta"]["shape"]), case["dkernel"])
    found |= {"real": real, "imag": imag, "free_kernel": found["kernel"]}
    check(found, picked(case, "real", "imag", "free_kernel", "dreal", "dimag"), case["meta"])


@pytest.mark.parametrize("case", cases("complexconv"))
def test_complex_conv(case):
    meta = case["meta"]
    found = adapter.complex_conv(meta["rank"], meta["filters"], tuple(meta["kernel_size"]),
                                 meta["args"], meta["dtype"], case["x"], case["kernel"],
                                 case.get("bias"), case.get("dy"))
    check(found, picked(case, "y", "dx", "dkernel", "dbias"), meta)


@pytest.mark.parametrize("case", cases("cgru_cell"))
def test_conv_gru_cell(case):
    meta = case["meta"]
    weights = {n[2:]: v for n, v in case.items() if n.startswith("w_")}
    factors = {n: v for n, v in case.items() if n.startswith("dc_")}
    found = adapter.cgru_cell(meta["num_units"], meta["filter_size_x"], meta["filter_size_h"],
                              meta["options"], weights, factors, case["x"], case["h0"],
                              meta["training"], case.get("dy"))
    check(found, {n: v for n, v in case.items()
                  if n in ("y", "dx", "dh0") or n.startswith(("d_", "new_"))}, meta)


@pytest.mark.parametrize("case", cases("mdgru"))
def test_conv_gru(case):
    meta, weights = case["meta"], {}
    for name, value in case.items():
        if name.startswith("w_"):
            sweep, _, weight = name[2:].rpartition("/")
            weights.setdefault(sweep, {})[weight] = value
    found = adapter.mdgru(meta["num_hidden"], meta["filter_size_x"], meta["filter_size_h"],
                          meta["dimensions"], meta["options"], weights, case["x"],
                          meta["training"], case.get("dy"))
    check(found, {n: v for n, v in case.items() if n in ("y", "dx") or n.startswith("d_")}, meta)


@pytest.mark.parametrize("case", cases("separable1d") + cases("separable2d"))
def test_separable_conv(case):
    meta = case["meta"]
    found = adapter.separable_conv(meta["rank"], meta["filters"], tuple(meta["kernel_size"]),
                                   meta["depth_multiplier"], meta["args"], case["x"], case["dw"],
                                   case["pw"], case.get("bias"), case.get("dy"))
    check(found, picked(case, "y", "dx", "ddw", "dpw", "dbias"), meta)


def test_the_number_of_cases_is_known():
    """So that a file that lost its cases is noticed."""
    counts = {path.stem: len(cases(path.stem)) for path in DATA.glob("*.npz")}
    assert counts == {"signalconv": 120, "rdft": 5, "complexconv": 19, "cgru_cell": 26, "mdgru": 8,
                      "separable1d": 12, "separable2d": 11}
