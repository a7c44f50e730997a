"""A sung-voice synthesiser: singers, pitch contours, syllables, and a source filtered by vowels."""
