"""Commands of other packages, found by their entry points."""

from __future__ import annotations

import pytest

from .shell import Shell

COMMAND = '''
import click


@click.command()
@click.argument("name")
def greet(name):
    """Greet somebody."""
    click.echo(f"hello {name}")
'''


@pytest.fixture
def plugin(shell: Shell) -> Shell:
    shell.write("greeting.py", COMMAND)
    shell.write("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    points = "greet = greeting:greet\nbroken = greeting:nothing\nodd = greeting:COMMAND\nworker = greeting:greet\n"
    shell.write("greeting-1.0.dist-info/entry_points.txt", f"[understudy.commands]\n{points}")
    shell.write("greeting.py", COMMAND + "\nCOMMAND = 1\n")
    return shell


def test_a_command_of_another_package_is_listed_and_runs(plugin: Shell) -> None:
    listed = plugin.run("--help", PYTHONPATH=plugin.path).out
    assert "greet   Added by greeting." in listed
    done = plugin.run("greet", "ada", PYTHONPATH=plugin.path)
    assert (done.code, done.out) == (0, "hello ada\n")


def test_a_command_that_cannot_be_loaded_is_one_line(plugin: Shell) -> None:
    broken = plugin.run("broken", PYTHONPATH=plugin.path)
    assert "the command 'broken' cannot be loaded from greeting:nothing" in broken.error
    odd = plugin.run("odd", PYTHONPATH=plugin.path)
    assert odd.error == "the command 'odd' is of type int: it has to be a click command"
    assert (broken.code, odd.code) == (1, 1)


def test_our_own_commands_cannot_be_replaced(plugin: Shell) -> None:
    assert "--concurrency" in plugin.run("worker", "--help", PYTHONPATH=plugin.path).out
