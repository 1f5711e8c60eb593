"""What import-linter cannot see: compiled modules, and the size of files."""

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "coprove"
KERNEL_ROOMS = {"primitives", "execution"}
MAX_LINES = 400


def test_only_primitives_and_execution_touch_the_kernel() -> None:
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            if "coprove._native" in names:
                assert room in KERNEL_ROOMS, path


def test_modules_stay_small() -> None:
    for path in SOURCE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= MAX_LINES, path


def test_every_room_has_a_readme() -> None:
    for room in SOURCE.iterdir():
        if room.is_dir() and room.name != "__pycache__":
            assert (room / "README.md").stat().st_size > 200, room
