"""Files damaged in the ways that disks, copies and power cuts damage them."""

import random
from collections.abc import Callable

Mutation = Callable[[bytearray, random.Random], None]


def flip_bit(content: bytearray, choose: random.Random) -> None:
    content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)


def overwrite(content: bytearray, choose: random.Random) -> None:
    at, size = choose.randrange(len(content)), choose.choice([1, 2, 16, 512])
    content[at : at + size] = choose.randbytes(len(content[at : at + size]))


def zero(content: bytearray, choose: random.Random) -> None:
    at, size = choose.randrange(len(content)), choose.choice([1, 64, 512, 4096])
    content[at : at + size] = bytes(len(content[at : at + size]))


def cut(content: bytearray, choose: random.Random) -> None:
    del content[choose.randrange(len(content)) :]


def grow(content: bytearray, choose: random.Random) -> None:
    content += choose.choice([bytes(choose.randrange(1, 600)), choose.randbytes(9), content[-200:]])


def lose_part(content: bytearray, choose: random.Random) -> None:
    at = choose.randrange(len(content))
    del content[at : at + choose.choice([1, 7, 512])]


def double_part(content: bytearray, choose: random.Random) -> None:
    at = choose.randrange(len(content))
    content[at:at] = content[at : at + choose.choice([1, 7, 512])]


def swap_parts(content: bytearray, choose: random.Random) -> None:
    size = max(1, len(content) // 4)
    one, other = sorted(choose.randrange(len(content)) for _ in range(2))
    content[one : one + size], content[other : other + size] = (
        content[other : other + size],
        content[one : one + size],
    )


def change_digit(content: bytearray, choose: random.Random) -> None:
    """The worst one for text: all that follows the change still parses."""
    digits = [at for at, byte in enumerate(content) if 0x30 <= byte <= 0x39]
    if digits:
        content[choose.choice(digits)] = choose.choice(b"0123456789")


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit, overwrite, zero, cut, grow, lose_part, double_part, swap_parts, change_digit,
)  # fmt: skip


def mutated(content: bytes, choose: random.Random) -> bytes:
    """`content`, of a byte at least, after one to three mutations, changed for sure."""
    while True:
        damaged = bytearray(content)
        for _ in range(choose.choice([1, 1, 1, 2, 3])):
            if damaged:
                choose.choice(MUTATIONS)(damaged, choose)
        if damaged != content:
            return bytes(damaged)
