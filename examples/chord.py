"""Counts the words of a folder's files: a task for each file, and one that gets all their results."""

import re
import sys
from collections import Counter
from pathlib import Path

from node import node

from understudy import App, chord

app = App("chord")


@app.task
def count(path: str) -> dict[str, int]:
    return Counter(re.findall(r"[a-z]+", Path(path).read_text(errors="replace").lower()))


@app.task
def most_common(counts: list[dict[str, int]], number: int) -> list[tuple[str, int]]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total.most_common(number)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent
    result = chord((count.s(str(path)) for path in folder.glob("*.py")), most_common.s(number=3)).delay()
    with node("chord"):
        for word, times in result.get(timeout=30):
            print(f"{times:6} {word}")
