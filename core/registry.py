"""Names that a user can type, each leading to the code that builds the thing.

A registry belongs to one module or one package. Its names are read from the source without
importing it, so that `nnlab --help`, shell completion and the first paint of the launch screen list
every network without waiting for torch; a file is imported when one of its names is first used.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.errors import ConfigError, UnknownName

Builder = TypeVar("Builder", bound=Callable[..., Any])


@dataclass(frozen=True)
class Declaration:
    """A registered name, as its source file declares it."""

    name: str
    module: str  # imported when the name is first used
    summary: str  # first line of the docstring
    facts: Mapping[str, Any] = field(default_factory=dict)  # constants given to register(...)
    options: tuple[str, ...] = ()  # keyword-only parameters: what a user can set about it


class Registry(Mapping[str, Builder], Generic[Builder]):
    """Name -> builder, for everything decorated with `register` in one module or package."""

    def __init__(self, kind: str, module: str) -> None:
        self.kind = kind
        self.module = module
        self._builders: dict[str, Builder] = {}
        self._declared: dict[str, Declaration] | None = None

    def register(self, name: str = "", **facts: Any) -> Callable[[Builder], Builder]:
        """Make the decorated builder available as `name`, by default its own name.

        `facts` are constants (strings, numbers) that others may want to know before the builder is
        imported: they must be written as literals.
        """

        def add(builder: Builder) -> Builder:
            self._builders[name or builder.__name__] = builder
            return builder

        return add

    @property
    def declared(self) -> Mapping[str, Declaration]:
        """Every name with its file, summary and facts, in alphabetical order; imports nothing."""
        if self._declared is None:
            found = [d for module, path in self._sources() for d in _declarations(module, path)]
            self._declared = {d.name: d for d in sorted(found, key=lambda d: d.name)}
        return self._declared

    def check(self, name: str) -> str:
        """`name` itself, if it is known. Raises UnknownName with the closest names."""
        if name not in self.declared:
            close = get_close_matches(name.lower(), self.declared, n=1)
            guess = f"Did you mean {close[0]!r}? " if close else ""
            # An absurdly long name must not make the error unreadable.
            shown = name if len(name) <= 60 else f"{name[:57]}..."
            raise UnknownName(
                f"There is no {self.kind} called {shown!r}.",
                f"{guess}Choose one of: {', '.join(self.declared)}.",
            )
        return name

    def __getitem__(self, name: str) -> Builder:
        if name not in self._builders:
            import_module(self.declared[self.check(name)].module)
        return self._builders[name]

    def __contains__(self, name: object) -> bool:
        return name in self.declared

    def __iter__(self) -> Iterator[str]:
        return iter(self.declared)

    def __len__(self) -> int:
        return len(self.declared)

    def _sources(self) -> Iterator[tuple[str, Path]]:
        spec = find_spec(self.module)
        assert spec is not None
        assert spec.origin is not None
        if spec.submodule_search_locations is None:
            yield self.module, Path(spec.origin)
        else:
            for path in sorted(Path(spec.origin).parent.glob("[!_]*.py")):
                yield f"{self.module}.{path.stem}", path


def check_options(owner: str, options: Iterable[str], known: Sequence[str]) -> None:
    """Raises ConfigError if one of `options` is not among those that `owner` has."""
    for option in options:
        if option not in known:
            close = get_close_matches(option, known, n=1)
            raise ConfigError(
                f"{owner} has no option {option[:60]!r}.",
                (f"Did you mean {close[0]!r}? " if close else "")
                + (f"It takes: {', '.join(known)}." if known else "It takes no options."),
            )


def _declarations(module: str, path: Path) -> Iterator[Declaration]:
    """The functions and classes at the top level of `path` decorated with `*.register(...)`."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        for call in node.decorator_list:
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "register"
            ):
                facts = {k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg}
                name = facts.pop("name", None) or (
                    ast.literal_eval(call.args[0]) if call.args else node.name
                )
                summary = (ast.get_docstring(node) or "").partition("\n")[0]
                keywords = node.args.kwonlyargs if isinstance(node, ast.FunctionDef) else []
                options = tuple(keyword.arg for keyword in keywords)
                yield Declaration(name, module, summary, facts, options)
