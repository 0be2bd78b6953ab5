"""Control files of a run as somebody else may write them, whole and damaged."""

import json
import random
from pathlib import Path

from core.control import Control, Request
from core.events import Notice
from core.mailbox import FOLDER, Mailbox

ID = "01700000000000000000-0123abcd"


def post(run: Path, content: bytes | dict, name: str = f"{ID}.json") -> Path:
    """Write a control file by hand."""
    (run / FOLDER).mkdir(exist_ok=True)
    path = run / FOLDER / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def request(**changes) -> dict:
    return {"id": ID, "kind": "lr", "value": 0.5, "time": 1.0} | changes


def delivered(mailbox: Mailbox) -> list[Request | Notice]:
    control = Control()
    mailbox.deliver(control)
    return list(iter(control.take, None))


def files(run: Path) -> list[str]:
    return sorted(path.name for path in (run / FOLDER).iterdir())


def mutated(chance: random.Random, content: bytes) -> bytes:
    """The content with a few bytes flipped, lost, doubled or replaced."""
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 5, 20))):
        at = chance.randrange(len(found)) if found else 0
        match chance.randrange(5):
            case 0 if found:
                found[at] ^= 1 << chance.randrange(8)
            case 1 if found:
                del found[at : at + chance.randrange(1, 20)]
            case 2:
                found[at:at] = found[at : at + chance.randrange(1, 40)]
            case 3:
                found[at:at] = chance.randbytes(chance.choice((1, 3, 5000)))
            case _ if found:
                found[at : at + 1] = chance.choice(b'0123456789.-eE{}[],:"').to_bytes()
    return bytes(found)


def check_mutations(run: Path, count: int, seed: int) -> None:
    """Nothing crashes, and nothing comes through but a request that the bytes still say."""
    chance = random.Random(seed)
    mailbox = Mailbox(run)
    obeyed = 0
    for number in range(count):
        id = f"{number:020d}-{seed:08x}"
        kind, value = chance.choice((("lr", 0.5), ("extend", 3), ("stop", None), ("scale_lr", 0.1)))
        whole = json.dumps(request(id=id, kind=kind, value=value)).encode()
        content = mutated(chance, whole)
        post(run, content, f"{id}.json")
        (told,) = delivered(mailbox)
        if isinstance(told, Request):
            obeyed += 1
            said = json.loads(content)
            assert (said["kind"], said["value"], said["id"]) == (told.kind, told.value, told.id)
        else:
            assert id in told.text
        assert files(run) == []
    assert obeyed < count / 2
