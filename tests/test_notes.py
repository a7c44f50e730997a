import pytest

from seqmelody.errors import InputError
from seqmelody.notes import Vocabulary, format_note_list, parse_note_list, parse_pitch, pitch_name


@pytest.mark.parametrize(
    ("text", "pitch"),
    [("C4", 60), ("A4", 69), ("c#4", 61), ("Db4", 61), ("D♭4", 61), ("B#3", 60), ("Cb4", 59),
     ("C-1", 0), ("G9", 127), ("F##2", 43), ("62", 62), ("0", 0)],
)  # fmt: skip
def test_names_and_numbers_are_parsed(text: str, pitch: int) -> None:
    assert parse_pitch(text) == pitch


@pytest.mark.parametrize("text", ["H4", "C", "128", "C10", "Cb-1", "4C", "60.5", "-3", "C#b#4"])
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"outside|no note"):
        parse_pitch(text)


def test_printing_and_parsing_are_inverse() -> None:
    pitches = list(range(128))
    assert parse_note_list(format_note_list(pitches)) == pitches


def test_note_list_with_comments_and_line_numbers() -> None:
    assert parse_note_list("C4 D#4 62 # a comment C5\n\n# whole line\n  E4") == [60, 63, 62, 64]
    with pytest.raises(InputError, match="line 2: 'X4'"):
        parse_note_list("C4\nD4 X4")


def test_pitch_name_rounds_to_the_nearest_semitone() -> None:
    assert [pitch_name(p) for p in (59.6, 60.4, 60.6)] == ["C4", "C4", "C#4"]


def test_vocabulary_maps_both_ways() -> None:
    vocabulary = Vocabulary()
    assert (vocabulary.low, vocabulary.high, vocabulary.n_classes) == (28, 108, 82)
    for label in range(1, vocabulary.n_classes):
        assert vocabulary.to_class(vocabulary.to_pitch(label)) == label
    assert 27.4 not in vocabulary
    assert 27.6 in vocabulary


def test_vocabulary_refuses_what_it_does_not_hold() -> None:
    vocabulary = Vocabulary(60, 72)
    for pitch in (59, 73, 59.4):
        with pytest.raises(InputError, match="outside the vocabulary"):
            vocabulary.to_class(pitch)
    for label in (0, 14):
        with pytest.raises(InputError, match="no pitch"):
            vocabulary.to_pitch(label)
    with pytest.raises(InputError, match="no range"):
        Vocabulary(72, 60)
