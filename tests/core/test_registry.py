import subprocess
import sys
from pathlib import Path

import pytest

from core.augmentations import AUGMENTATIONS
from core.datasets import DATASETS
from core.errors import UnknownName
from core.initializers import INITIALIZERS
from core.losses import LOSSES
from core.models import MODELS
from core.optimizers import OPTIMIZERS
from core.registry import Registry
from core.schedules import SCHEDULES

REGISTRIES = [AUGMENTATIONS, DATASETS, INITIALIZERS, LOSSES, MODELS, OPTIMIZERS, SCHEDULES]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry of a package with two files; importing the second one is an error."""
    folder = tmp_path / "animals"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from core.registry import Registry\nANIMALS = Registry('animal', __name__)\n"
    )
    (folder / "birds.py").write_text(
        "from animals import ANIMALS\n"
        "@ANIMALS.register(wings=2, recipe={'lr': 0.1})\n"
        "def owl(tail, *, eyes=2, beak='short'):\n    '''Sees at night.\n\n    And more.'''\n"
        "    return 'hoo'\n"
        "@ANIMALS.register('ostrich')\nclass Big:\n    pass\n"
        "def no_animal():\n    pass\n"
    )
    (folder / "fish.py").write_text(
        "from animals import ANIMALS\nraise ImportError('too early')\n"
        "@ANIMALS.register(name='cod')\ndef f():\n    pass\n"
    )
    (folder / "_notes.py").write_text("this is not even Python")
    monkeypatch.syspath_prepend(tmp_path)
    import animals  # type: ignore[import-not-found]

    yield animals.ANIMALS
    for name in [n for n in sys.modules if n.partition(".")[0] == "animals"]:
        del sys.modules[name]


def test_names_summaries_and_facts_are_known_without_importing_their_files(package):
    assert list(package) == ["cod", "ostrich", "owl"]
    assert package.declared["owl"].summary == "Sees at night."
    assert package.declared["owl"].facts == {"wings": 2, "recipe": {"lr": 0.1}}
    assert package.declared["owl"].options == ("eyes", "beak")
    assert package.declared["cod"].module == "animals.fish"
    assert "animals.birds" not in sys.modules


def test_a_file_is_imported_when_one_of_its_names_is_used(package):
    assert package["owl"]("long") == "hoo"
    assert package["ostrich"].__name__ == "Big"
    with pytest.raises(ImportError, match="too early"):
        package["cod"]


def test_an_unknown_name_comes_with_the_closest_and_with_all(package):
    with pytest.raises(UnknownName) as caught:
        package["Ostritch"]
    assert caught.value.problem == "There is no animal called 'Ostritch'."
    assert caught.value.fix == "Did you mean 'ostrich'? Choose one of: cod, ostrich, owl."


def test_an_absurd_name_stays_readable(package):
    with pytest.raises(UnknownName) as caught:
        package.check("x" * 10_000)
    assert len(caught.value.problem) < 120
    with pytest.raises(UnknownName) as caught:
        package.check("\x1b[2J")
    assert "\x1b" not in caught.value.problem


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda r: r.kind)
def test_every_name_leads_to_a_builder_with_a_line_about_it(registry):
    assert len(registry) > 0
    for name in registry:
        assert callable(registry[name])
        assert registry.declared[name].summary, name
        assert name in registry


def test_every_name_is_known_without_torch():
    code = f"""
import sys
{"".join(f"from {r.module} import {n}{chr(10)}" for n, r in named())}
print(sum(map(len, [{", ".join(n for n, _ in named())}])), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == f"{sum(map(len, REGISTRIES))} False\n", done.stderr


def named() -> list[tuple[str, Registry]]:
    found = {name: value for name, value in globals().items() if isinstance(value, Registry)}
    return list(found.items())
