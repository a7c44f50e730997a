"""Imports run one way: from higher layers to lower ones, and nothing imports the outer folders."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS: dict[str, float] = {
    "errors": 0, "notes": 0, "calibration": 0.5, "audio": 0, "noise": 0, "emission": 0,
    "truncation": -1, "sample_arrays": 0, "linear": 0, "unfilled": 0, "writers": 0.2,
    "likelihood": 0.5, "claims": 0.5, "banks": 0.5, "features": 1, "heads": 1, "alignment": 1,
    "metrics": 1, "phrases": 1, "performance": 1, "intonation": 1, "acoustics": 1, "takes": 1,
    "evaluation": 1.3, "encoders": 1.5, "decoding": 1.5, "plots": 1.5,
    "note_lists": 1, "manifests": 1, "transposition": 1, "salience": 1.5,
    "list_reading": 1.5, "list_alignment": 1.7, "score_check": 1.8, "clip_cutting": 1.8,
    "model": 2,
    "datasets": 2.5, "shards": 2.7,
    "losses": 2.8, "processes": 2.8, "training": 3, "transcription": 3,
    "list_checks": 2.8,
    "self_alignment": 3.2, "mixing": 3.3, "adaptation": 3.3,
    "commands": 3.5,
    "cli": 4, "__main__": 5,
}  # fmt: skip


def imported(path: Path) -> set[str]:
    """Absolute names of everything a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def stage(module: str) -> str | None:
    """``seqmelody.decoding.ctc.decode_ctc`` -> ``decoding``."""
    parts = module.split(".")
    return parts[1] if parts[0] == "seqmelody" and len(parts) > 1 and parts[1] in LAYERS else None


PACKAGE = sorted((ROOT / "seqmelody").rglob("*.py"))


@pytest.mark.parametrize("path", PACKAGE, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards(path: Path) -> None:
    relative = path.relative_to(ROOT / "seqmelody").with_suffix("").parts
    if relative == ("__init__",):
        return
    own = relative[0]
    assert own in LAYERS, f"give {own} a layer in LAYERS"
    for name in imported(path):
        other = stage(name)
        if other is not None and other != own:
            allowed = LAYERS[other] < LAYERS[own] or (LAYERS[other] == LAYERS[own] == 0)
            assert allowed, f"{own} (layer {LAYERS[own]}) imports {other} ({LAYERS[other]})"


@pytest.mark.parametrize("path", PACKAGE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_package_knows_nothing_of_the_outer_folders(path: Path) -> None:
    assert not {n.split(".")[0] for n in imported(path)} & {"benchmarks", "data_tools", "tests"}
