"""A run's folder is about one thing once it has trained; before, it may become about another."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqmelody.claims import claim
from seqmelody.errors import InputError


def test_the_same_is_claimed_again_and_another_is_refused_once_trained(tmp_path: Path) -> None:
    claim(tmp_path / "about.json", {"lists": "a"}, {})
    for log in (tmp_path / "log.jsonl", tmp_path / "round-1" / "log.jsonl"):
        log.parent.mkdir(exist_ok=True)
        log.write_text("{}\n")
        claim(tmp_path / "about.json", {"lists": "a"}, {})
        with pytest.raises(InputError, match="other lists or settings"):
            claim(tmp_path / "about.json", {"lists": "b"}, {})
        log.unlink()


def test_what_has_not_trained_may_become_about_something_else(tmp_path: Path) -> None:
    labels, kept = tmp_path / "round-1" / "labels.part.jsonl", tmp_path / "notes.txt"
    labels.parent.mkdir()
    claim(tmp_path / "about.json", {"lists": "a"}, {})
    for file in (labels, kept):
        file.write_text("of a")
    claim(tmp_path / "about.json", {"lists": "a"}, {}, stale=("round-*/labels*.jsonl",))
    assert labels.exists()  # the same as before
    claim(tmp_path / "about.json", {"lists": "b"}, {}, stale=("round-*/labels*.jsonl",))
    assert not labels.exists()
    assert kept.exists()
    claim(tmp_path / "about.json", {"lists": "b"}, {})


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_a_damaged_note_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "about.json").write_text(text)
    with pytest.raises(InputError, match=r"about\.json: is no note of what a run is about"):
        claim(tmp_path / "about.json", {}, {})


def test_settings_that_older_versions_did_not_note_have_their_defaults(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("{}\n")
    (tmp_path / "about.json").write_text('{"lists": "a"}')
    claim(tmp_path / "about.json", {"lists": "a", "share": 0.5}, {"share": 0.5})
    with pytest.raises(InputError, match="other lists or settings"):
        claim(tmp_path / "about.json", {"lists": "a", "share": 0.6}, {"share": 0.5})
