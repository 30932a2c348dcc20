"""Run the benchmarks, one after another, each in a process of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys

BENCHMARKS = ("kernel", "loops", "pool", "embedded", "redis", "rabbitmq", "growth")
QUICK = {
    "kernel": ["--rounds", "1", "--scale", "0.02"],
    "loops": ["--rounds", "1", "--scale", "0.02"],
    "pool": ["--rounds", "1", "--jobs", "2000"],
    "embedded": ["--quick"],
    "redis": ["--quick"],
    "rabbitmq": ["--quick"],
    "growth": ["--quick"],
}
ROUNDS = {"growth": 1}
"""At most so many rounds of what takes minutes for each: there is a million messages in it, thrice."""
PROFILED = ("kernel", "embedded", "redis", "rabbitmq")


def main() -> int:
    """Return 0 if every benchmark that was asked for ran to its end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="one round of little, to see that everything works")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="show where the time goes, instead of measuring")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}: known are {', '.join(BENCHMARKS)}")
    failed = 0
    for name in arguments.names or (PROFILED if arguments.profile else BENCHMARKS):
        rounds = min(arguments.rounds, ROUNDS.get(name, arguments.rounds))
        options = QUICK[name] if arguments.quick else ["--rounds", str(rounds)]
        if arguments.profile and name in PROFILED:
            options = [*options, "--profile"]
        failed += bool(subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=False).returncode)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
