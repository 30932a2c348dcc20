"""The plain loop over the same files, to compare with. Run as a program, with the job's file as its argument."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from .indexing import index
from .job import Job
from .report import Report, join


def run(job: Job) -> Report:
    """Index one file after the other."""
    return join(index(source.name, Path(source.path).read_bytes()) for source in job.sources)


def main(job: Path, report: Path) -> None:
    """Do the job of one file and leave the report in another, in no hurry: the nodes have the right of way."""
    os.nice(19)
    found = run(Job.load(job))
    draft = report.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(found))
    draft.replace(report)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
