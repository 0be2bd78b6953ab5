import os
import re
import shlex
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from core.errors import ConfigError, DataError, NNLabError
from tui.cli import PANELS, Deferred, ShowErrors, app, show_error


def commands_of(group, before=()):
    """Every command below `group` with its words, such as ("plot", "init")."""
    for name, known in group.commands.items():
        command = known.load() if isinstance(known, Deferred) else known
        if hasattr(command, "commands"):
            yield from commands_of(command, (*before, name))
        else:
            yield (*before, name), command


COMMANDS = dict(commands_of(typer.main.get_command(app)))


def nnlab(*words: str):
    return CliRunner().invoke(app, words)


def program(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """nnlab as a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from tui.cli import main; main()", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def failing(error: BaseException):
    """The result of a command that raises `error`."""
    failing_app = typer.Typer(cls=ShowErrors)

    @failing_app.command()
    def one() -> None:
        raise error

    @failing_app.command()
    def two() -> None: ...

    return CliRunner().invoke(failing_app, ["one"])


def test_help_names_every_command_and_exit_code():
    text = nnlab("--help").output
    assert {" ".join(words) for words in COMMANDS} == {
        *(
            "train",
            "sweep",
            "tui",
            "summary",
            "models",
            "bench",
            "devices",
            "runs",
            "show",
            "resume",
        ),
        *("note", "trash list", "trash put", "trash restore", "trash empty"),
        "import",
        *("stop", "pause", "checkpoint", "set", "extend"),
        *("attach", "evaluate", "predict", "inspect", "conv", "data list", "data show"),
        *("plot run", "plot activation", "plot schedule", "plot init"),
        *("compare", "reproduce", "shift covariate", "shift label"),
    }
    for word in (*(words[0] for words in COMMANDS), "130", "143"):
        assert word in text


@pytest.mark.parametrize(("name", "line"), [item for p in PANELS.values() for item in p.items()])
def test_a_command_begins_its_help_with_its_line_in_the_list(name, line):
    command = typer.main.get_command(app).commands[name].load()
    assert command.name == name
    assert " ".join(command.help.split("\n\n")[0].split()) == line


def test_help_imports_no_command():
    found = program_importing("--help")
    assert not [name for name in found if name.startswith(("tui.commands.", "core.config"))]


def program_importing(*words: str) -> set[str]:
    """The modules that nnlab has imported when it ends."""
    code = (
        "import sys\ntry:\n    from tui.cli import main; main()\nfinally:\n    print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_examples_that_parse(words):
    _, found, examples = COMMANDS[words].help.partition("Examples:\n")
    assert found
    for line in examples.splitlines():
        program, *typed = shlex.split(re.split(r" [|>] ", line)[0])
        assert (program, *typed[: len(words)]) == ("nnlab", *words)
        # Fails for an option that it does not have.
        COMMANDS[words].make_context(words[-1], typed[len(words) :])


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_examples_are_indented_in_every_help(words):
    assert f"\n   nnlab {' '.join(words)}" in nnlab(*words, "--help").output


RUNNING_CODE = {
    *(("train",), ("sweep",), ("tui",), ("import",), ("summary",), ("resume",)),
    *(("evaluate",), ("predict",), ("inspect",), ("conv",), ("bench",)),
}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_runs_the_code_of_a_file_says_so_in_its_help(words):
    says = "runs the code in that file" in " ".join(
        nnlab(*words, "--help").output.replace("│", " ").split()
    )
    assert says is (words in RUNNING_CODE)


def test_without_a_command_there_is_help():
    assert "Exit codes" in nnlab().output


def test_the_version_is_told():
    result = nnlab("--version")
    assert (result.exit_code, result.output) == (0, "nnlab 0.1.0\n")


@pytest.mark.parametrize(
    ("words", "guess"),
    [(["trian"], "'train'"), (["summry"], "'summary'"), (["train", "--epoch", "3"], "--epochs")],
)
def test_a_slip_is_a_usage_error_with_a_suggestion(words, guess):
    result = nnlab(*words)
    assert result.exit_code == 2
    assert guess in result.stderr


@pytest.mark.parametrize(("error", "code"), [(DataError, 1), (ConfigError, 2)])
def test_a_problem_is_two_lines_and_its_exit_code(error, code):
    result = failing(error("It is broken.", "Mend it."))
    assert (result.exit_code, result.stdout, result.stderr) == (
        *(code, "", "It is broken.\nMend it.\n"),
    )


def test_what_an_error_quotes_cannot_command_the_terminal(capsys):
    show_error(NNLabError("No \x1b[2J here.", "Change:\n  lr = \x1b]0;x\x07"))
    assert capsys.readouterr().err == "No �[2J here.\nChange:\n  lr = �]0;x�\n"


@pytest.mark.parametrize(("no_colour", "red"), [("", True), ("1", False)])
def test_a_problem_is_red_only_where_colour_is_wanted(no_colour, red, monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    show_error(NNLabError("It is broken.", "Mend it."))
    assert ("\x1b[31m" in capsys.readouterr().err) is red


def test_a_bug_keeps_its_traceback():
    assert isinstance(failing(ZeroDivisionError()).exception, ZeroDivisionError)


def test_ctrl_c_ends_any_command_without_a_word():
    result = failing(KeyboardInterrupt())
    assert (result.exit_code, result.output.strip()) == (130, "")


def test_sigterm_ends_any_command_with_143_and_closes_what_is_open():
    code = (
        "import signal, tui.cli, typer\n"
        "app = tui.cli.app\n"
        "@app.command()\n"
        "def wait():\n"
        "    try: signal.raise_signal(signal.SIGTERM)\n"
        "    finally: print('closed')\n"
        "tui.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "wait"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (143, "closed\n", "")


def test_a_reader_that_has_enough_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-c", "from tui.cli import main; main()", "runs", "--json"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.stderr == ""


def test_a_terminal_without_unicode_gets_replacements_not_a_traceback():
    done = program("train", "--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "nnlab train mlp" in done.stdout


def test_the_shell_completes_networks_and_commands():
    def completions(line: str) -> list[str]:
        words = line.split(" ")
        done = program(
            _NNLAB_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1)
        )
        return done.stdout.split()

    assert completions("nnlab tra") == ["train", "trash"]
    networks = completions("nnlab train lenet_")
    assert "lenet_bn" in networks
    assert all(name.startswith("lenet_") for name in networks)
    assert "sgd" in completions("nnlab train mlp --optimizer sg")
    assert "fashion-mini" in completions("nnlab tui --start mlp --data fash")


def test_the_dashboard_needs_a_terminal():
    done = program("tui")
    assert done.returncode == 2
    assert "nnlab train" in done.stderr


def test_the_dashboard_checks_its_settings_first():
    done = program("tui", "--epochs", "3")
    assert done.returncode == 2
    assert "--start" in done.stderr
