import numpy as np
import pytest

from seqmelody.emission import Emission
from seqmelody.errors import InputError


def test_time_base_does_not_drift_over_an_hour() -> None:
    n_frames = 3600 * 16_000 // 320 + 1
    emission = Emission(np.zeros((n_frames, 2), np.float32), 320 / 16_000, start_seconds=0.25)
    assert emission.frame_to_seconds(0) == 0.25
    assert emission.frame_to_seconds(n_frames - 1) == pytest.approx(3600.25, abs=1e-9)
    for frame in (0, 1, 17.5, 123_456):
        seconds = emission.frame_to_seconds(frame)
        assert emission.seconds_to_frame(seconds) == pytest.approx(frame, abs=1e-6)


def test_hops_that_are_no_whole_milliseconds_stay_exact() -> None:
    emission = Emission(np.zeros((10, 2), np.float32), 256 / 22_050)
    assert emission.frame_to_seconds(22_050) == pytest.approx(256.0)


def test_shapes_are_checked() -> None:
    rows = np.zeros((4, 3), np.float32)
    with pytest.raises(InputError, match="shape"):
        Emission(rows[0], 0.02)
    with pytest.raises(InputError, match="positive"):
        Emission(rows, 0.0)
    with pytest.raises(InputError, match="onset_probs"):
        Emission(rows, 0.02, onset_probs=np.zeros(3, np.float32))
    assert (len(Emission(rows, 0.02)), Emission(rows, 0.02).n_classes) == (4, 3)
