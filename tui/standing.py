"""What a run that waits for its turn waits for, in words."""

from core.runs import RunInfo
from core.sweep import tag_of
from tui.format import safe_text

ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def state_text(run: RunInfo) -> str:
    """ "training", or "queued 2nd" of a run that waits for a device."""
    return f"{run.state} {ordinal(run.standing.place)}" if run.standing else run.state


def waits_for(run: RunInfo) -> str:
    """ "2nd for cuda:0, behind brave-otter"; empty if it does not wait, or for nothing known."""
    if run.standing:
        devices = " or ".join(run.standing.devices)
        text = f"{ordinal(run.standing.place)} for {devices}"
        behind = run.standing.behind
        return safe_text(text + f", behind {', '.join(behind)}" * bool(behind))
    if run.state == "queued" and (tag := tag_of(run)):
        return safe_text(f"waits for its turn in {tag}")
    return ""


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, ... 11th, ... 21st."""
    ending = "th" if number % 100 in (11, 12, 13) else ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"
