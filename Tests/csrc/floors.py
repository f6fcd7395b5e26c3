#!/usr/bin/env python3
"""Includes of the engine's folders go downstairs only: floors.py csrc"""

import pathlib
import re
import sys

# From the ground up. Folders of one floor do not know each other.
FLOORS = [["include"], ["runtime"], ["kernels"], ["ops"], ["graph"], ["analysis", "attack", "images", "io", "train"], ["distributed"]]
FLOOR = {folder: number for number, floor in enumerate(FLOORS) for folder in floor}


def upstairs(folder, text):
    """The includes of a file of `folder` that lead neither into it nor to a floor below."""
    included = re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.MULTILINE)
    for path in included:
        to = path.split("/")[0] if "/" in path else "include"
        if to != folder and FLOOR.get(to, len(FLOORS)) >= FLOOR[folder]:
            yield path


def main(root):
    wrong = [f"{folder}: no floor has it" for folder in folders(root) if folder not in FLOOR]
    files = [path for folder in FLOOR for path in sorted((root / folder).rglob("*.[ch]"))]
    for path in files:
        folder = path.relative_to(root).parts[0]
        wrong += [f"{path.relative_to(root)} includes {other}" for other in upstairs(folder, path.read_text())]
    assert len(files) > 100 and list(upstairs("ops", '#include "graph/plan.h"\n')) == ["graph/plan.h"]
    print("\n".join(wrong) or f"{len(files)} files include downstairs only")
    return 1 if wrong else 0


def folders(root):
    return sorted({path.relative_to(root).parts[0] for path in root.rglob("*.[ch]")})


sys.exit(main(pathlib.Path(sys.argv[1])))
