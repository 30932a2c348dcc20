"""Help pages and completion."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from understudy.runtime.cli.layout import Context
from understudy.runtime.cli.root import COMMANDS, understudy

from .shell import Shell


def test_the_help_page_lists_every_command_option_and_exit_code(shell: Shell) -> None:
    done = shell.run("--help")
    assert done.code == 0
    assert done.err == ""
    for expected in ("-A, --app MODULE[:ATTR]", "-b, --broker URL", "--result-backend URL", "--workdir DIR",
                     "-C, --no-color", "-q, --quiet", "--version", "Exit codes", "Examples"):  # fmt: skip
        assert expected in done.out
    listed = done.out.partition("Commands\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)


def test_without_arguments_the_help_page_is_shown(shell: Shell) -> None:
    assert shell.run() == shell.run("-h")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help_page_with_an_example(name: str, shell: Shell) -> None:
    done = shell.run(name, "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: understudy {name} ")
    assert "Example" in done.out
    assert "\033" not in done.out


def test_the_worker_takes_celerys_options(shell: Shell) -> None:
    page = shell.run("worker", "--help").out
    for option in ("-c, --concurrency", "-Q, --queues", "-X, --exclude-queues", "-n, --hostname", "-l, --loglevel",
                   "-P, --pool", "-f, --logfile", "--pidfile", "--purge", "--grace"):  # fmt: skip
        assert option in page


def test_every_option_and_command_says_what_it_is() -> None:
    def check(command: click.Command, path: str) -> None:
        assert command.help, path
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, f"{path} {parameter.name}"
        if isinstance(command, click.Group):
            context = Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                check(inner, f"{path} {name}")

    check(understudy, "understudy")


def test_help_is_quick_since_it_imports_neither_apps_nor_brokers() -> None:
    code = (
        "import sys; from understudy.runtime.cli import main; main(['--help'])\n"
        "print(sorted({'kombu', 'rich', 'sqlite3', 'pykka', 'msgspec', 'asyncio'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_headings_are_bold_on_a_terminal_unless_colours_are_off(shell: Shell) -> None:
    assert "\033[1mCommands\033[0m" in shell.terminal("--help")
    assert "\033" not in shell.terminal("-C", "--help")
    assert "\033" not in shell.terminal("--help", NO_COLOR="1")


def test_the_version_is_printed(shell: Shell) -> None:
    done = shell.run("--version")
    assert done.code == 0
    assert done.out.startswith("understudy 0.")


def test_shells_can_complete_commands_and_options(shell: Shell) -> None:
    words = shell.run(_UNDERSTUDY_COMPLETE="bash_complete", COMP_WORDS="understudy wo", COMP_CWORD="1")
    assert words.out.split() == ["plain,worker"]
    options = shell.run(_UNDERSTUDY_COMPLETE="bash_complete", COMP_WORDS="understudy worker --pi", COMP_CWORD="2")
    assert options.out.split() == ["plain,--pidfile"]
