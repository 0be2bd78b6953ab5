"""Who may import whom, and what a quick command must not wait for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import core

CORE = Path(core.__file__).parent
SCREEN = {"tui", "textual", "typer", "rich", "plotext"}
SLOW = {"torch", "textual"}
# What the first paint and the settings form need: none of it may wait for torch.
LIGHT = """
    registry errors events config view control record runs build datasets models optimizers
    initializers augmentations schedules presets mailbox device_queue estimate
    reproduction.experiments reproduction.page
""".split()


def imported_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has imported after running `code`."""
    report = "import sys; print(*{m.partition('.')[0] for m in sys.modules}, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"try:\n {code}\nexcept SystemExit: pass\n{report}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda p: str(p.relative_to(CORE)))
def test_core_does_not_know_the_screen(path):
    # Read, not run: an import inside a function counts too.
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    assert names & SCREEN == set()


def test_a_whole_run_is_wired_without_the_screen():
    imported = imported_by("import core.experiment")
    assert "torch" in imported
    assert imported & SCREEN == set()


def test_what_a_form_needs_comes_without_torch():
    imported = imported_by("; ".join(f"import core.{name}" for name in LIGHT))
    assert imported & (SLOW | SCREEN) == set()
    assert imported_by("import core.config, tui.layer_lines") & SLOW == set()


QUICK = [
    ["--help"],
    ["--version"],
    ["train", "--help"],
    ["tui", "--help"],
    ["train", "no_such_network"],
    ["runs", "--runs-dir", "no_such_folder"],
    ["show", "no_such_run"],
    ["resume", "no_such_run"],
    ["stop", "no_such_run"],
    ["set", "no_such_run", "lr=0.1"],
    ["evaluate", "no_such_run"],
    ["predict", "no_such_run", "photo.jpg"],
    ["inspect", "no_such_run"],
    ["data", "list"],
    ["data", "show", "no_such_data"],
    ["conv", "no_such_kernel"],
    ["conv", "--run", "no_such_run"],
    ["plot", "--help"],
    ["plot", "activation", "no_such_activation"],
    ["compare", "no_such_run", "another"],
    ["reproduce", "--list"],
    ["reproduce", "no_such_experiment"],
    ["shift", "label", "--data", "no_such_data"],
    ["summary", "no_such_network"],
    ["devices"],
]


def test_quick_commands_wait_for_neither_torch_nor_textual():
    # In one process: what one of them imports would stay, and so it is told which was the first.
    code = f"""
import sys
from tui.cli import main
for words in {QUICK}:
    sys.argv[1:] = words
    try:
        main()
    except SystemExit:
        pass
    if slow := {SLOW} & sys.modules.keys():
        sys.exit(f"{{words}} imports {{slow}}")
print("all of them", file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.endswith("all of them\n"), done.stderr


def test_the_shell_is_answered_without_torch():
    setup = (
        "import os; os.environ.update(_NNLAB_COMPLETE='complete_bash', "
        "COMP_WORDS='nnlab train le', COMP_CWORD='2'); from tui.cli import main; main()"
    )
    assert imported_by(setup) & SLOW == set()
