"""The networks to pick from, and the user's own: path/to/net.py:MyNet."""

from collections.abc import Mapping

from core.build import is_user_model
from core.models import MODELS
from tui.format import count
from tui.widgets.picker import Choice, Picker


class NetworkList(Picker):
    """Every registered network, with its number of parameters once that is known."""

    def __init__(self, value: str, *, id: str | None = None) -> None:
        super().__init__(
            "network",
            network_choices({}),
            value,
            hint="search or net.py:MyNet",
            is_own=is_user_model,
            id=id,
        )

    def show_parameters(self, parameters: Mapping[str, int]) -> None:
        """Show the number of parameters of each network that is in `parameters`."""
        self.choices = network_choices(parameters)


def network_choices(parameters: Mapping[str, int]) -> tuple[Choice, ...]:
    """A line for each network, the names as they are declared: imports no torch."""
    return tuple(
        Choice(name, count(parameters[name]) if name in parameters else "", declared.summary)
        for name, declared in MODELS.declared.items()
    )
