"""Names for runs that can be told apart and said aloud: brave-otter, quiet-heron."""

import random

ADJECTIVES = (
    "amber agile bold brave bright brisk calm clear clever cosy crisp deft eager early fair fine "
    "fleet fresh gentle glad golden grand happy honest humble jolly keen kind lively loyal lucid "
    "mellow merry mild neat nimble noble patient plucky proud quick quiet rapid ready robust rosy "
    "sage sharp shiny silent silver smart snug solid spry steady still sunny swift tidy true vivid "
    "warm wise witty young zesty"
).split()
ANIMALS = (
    "ant badger bear bee beaver bison bobcat camel cat cobra condor crane crow deer dingo dolphin "
    "dove duck eagle egret elk falcon ferret finch fox frog gecko gibbon goat goose hare hawk "
    "heron horse ibex ibis jackal jay koala lark lemur lion llama lynx magpie marten mole moose "
    "mouse newt ocelot orca otter owl panda parrot pelican penguin pike puffin puma quail rabbit "
    "raven robin salmon seal shrew sloth snail sparrow squid stork swan tapir tern tiger toad "
    "trout turtle viper vole walrus weasel whale wolf wombat wren yak zebra"
).split()


def suggest_name() -> str:
    """One of some six thousand names, at random."""
    # Not the generator that training seeds: two runs of one seed are still two runs.
    choose = random.SystemRandom().choice
    return f"{choose(ADJECTIVES)}-{choose(ANIMALS)}"
