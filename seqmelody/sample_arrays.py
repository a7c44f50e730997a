"""Samples in memory, of any numeric type, as floats of full scale -1..1.

Integers are divided by their full range (unsigned ones are offset binary, as in 8-bit WAV), and
refused where they cannot fill it; floats are taken as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqmelody.errors import InputError

FloatArray = NDArray[np.float32]
FAINTEST_INT16 = 2**8  # peak; what lies below in an int32 may be the noise of a silent one


def as_numpy(audio: Any) -> NDArray[Any]:
    """Array or tensor as a NumPy array of shape (samples,) or (channels, samples).

    Raises:
        InputError: no array, an unreasonable shape, or no samples.
    """
    # A tensor may need gradients or lie on a GPU.
    if hasattr(audio, "detach") and hasattr(audio, "cpu"):
        audio = audio.detach().cpu()
    if not hasattr(audio, "__array__"):
        raise InputError(
            f"audio is a {type(audio).__name__}; pass a path, a NumPy array or a tensor"
        )
    try:
        array = np.asarray(audio)
    except TypeError:  # torch.bfloat16 has no NumPy counterpart
        raise InputError(
            f"audio array: NumPy has no {audio.dtype}; convert it to float32"
        ) from None
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[0] > array.shape[1]):
        raise InputError(
            f"audio array: shape {array.shape} is neither (samples,) nor (channels, samples); "
            "transpose or squeeze it"
        )
    if not array.size:
        raise InputError("audio array: holds no samples; pass a longer one")
    return array


def to_float(array: NDArray[Any]) -> FloatArray:
    """Samples as float32, shape kept; integers scaled to -1..1.

    Raises:
        InputError: not numeric, integers of 64 bits or 16-bit samples in 32, NaN or infinite
            samples.
    """
    if array.dtype.kind in "iu":
        _check_full_range(array)
        half_range = 2.0 ** (8 * array.dtype.itemsize - 1)
        # float32 holds 16 bits exactly; more bits need float64 while the middle is taken off.
        scaled = array.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)
        if array.dtype.kind == "u":
            scaled -= half_range
        scaled /= half_range
        return scaled.astype(np.float32, copy=False)
    if array.dtype.kind != "f":
        raise InputError(f"audio array: {array.dtype} is no sample type; pass integers or floats")
    with np.errstate(over="ignore"):  # what float32 cannot hold turns infinite and is reported
        samples = array.astype(np.float32, copy=False)
    if not np.isfinite(samples).all():
        raise InputError("audio array: holds NaN or infinite samples; clean it first")
    return samples


def _check_full_range(array: NDArray[Any]) -> None:
    """Raise InputError for integers of a wider type than their samples: they would be silence.

    An int32 of no more than 16 bits lies below -90 dBFS, where no recording has its peak. Samples
    of 24 bits, shifted up to 32, may well be as soft, in silence: their lowest byte is empty.
    """
    if array.dtype.itemsize == 8:
        raise InputError(
            f"audio array: no sound has {array.dtype} samples; "
            "pass int16, int32 of full range, or floats in -1..1"
        )
    if array.dtype.itemsize == 4:
        signed = array.astype(np.int32, copy=False)  # of a uint32, silence lies at the other end
        peak = max(-int(signed.min()), int(signed.max()))
        if FAINTEST_INT16 <= peak < 2**16 and (signed & 0xFF).any():
            raise InputError(
                f"audio array: {array.dtype} whose samples fill 16 bits only; "
                "pass them as int16, or as floats in -1..1"
            )
