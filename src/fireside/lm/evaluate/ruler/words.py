"""Random words, names, numbers and UUIDs, each stream without repetition and without an end.

RULER takes its words from the package `wonderwords`. These are other common English words; where a list needs
more words than there are, two are written as one, such as `moonbasket`.
"""

import random
import uuid
from collections.abc import Callable, Iterator

__all__ = ["distinct", "distinct_names", "distinct_numbers", "distinct_uuids", "distinct_words"]

_ADJECTIVES = """
able ancient angry autumn bitter blank blue bold brave brief bright broad broken brown calm careful cheap
chilly civil clean clear clever close cloudy cold cool crisp curly curved daily damp dark deep dense dim
dry dusty eager early east easy empty equal exact faint fair famous fancy fast fierce fine firm flat
fluffy foggy formal fresh frozen full gentle giant glad golden grand grave gray great green happy hard
heavy hollow honest humble hungry icy idle jolly keen kind large late lazy light little lively lonely long
loud loyal lucky mild misty modern narrow neat new noble noisy odd old open orange pale patient plain
polite proud purple quick quiet rapid rare raw red rich ripe robust rough round royal rural rusty sacred
sharp shiny short shy silent silver simple slim slow small smooth soft solid sour steady steep stiff
strong sunny sweet swift tall tame tender thick thin tidy tiny tough urban vast violet warm weak wet white
wide wild wise wooden yellow young
"""
_NOUNS = """
acorn actor anchor apple arch arrow artist attic author badge baker banana bank barn barrel basin basket
beach beacon bean bear beaver bell bench berry bicycle bird blanket blossom boat book boot bottle bowl box
bread breeze brick bridge broom brush bucket button cabin cable cactus cake camel candle canyon captain
carpet carrot castle cave cellar chain chair cherry chimney circle city cliff clock cloud coast coat coin
comet copper coral corner cottage cotton cousin crane creek cricket crown cup curtain daisy dancer desert
desk diamond dinner doctor dolphin donkey door dragon drawer driver drum eagle engine engineer falcon
farmer feather fence ferry field finger flag flame flute forest fork fountain fox frog garden gate ghost
giraffe glacier glass glove goat grape guitar hammer harbor hat hawk helmet hill honey horse hotel house
island ivy jacket jar judge jungle kettle key kitchen kite ladder lake lamp lantern leaf lemon letter
library lion lizard magnet maple market meadow melon mirror monkey moon mountain mouse museum needle nest
notebook ocean olive orchard otter owl paddle painter palace panda paper parrot path peach pencil penguin
pepper piano pillow pilot pine planet plate pocket pond potato prairie prince puzzle quarry queen rabbit
radio railway rain raven ribbon river road robin rocket roof root rope sailor salmon sand school shadow
sheep shelf ship shoe shovel singer sister snail soldier spider spoon stable star station stone storm
stove street sugar sunset swan table tailor teacher temple tent thread thunder tiger tower town train tree
trumpet tulip tunnel turtle uncle valley vase village violin wagon wall walnut water wave whale wheel
whistle willow window winter wizard wolf writer yard zebra
"""

ADJECTIVES, NOUNS = tuple(_ADJECTIVES.split()), tuple(_NOUNS.split())


def distinct(make: Callable[[int], str]) -> Iterator[str]:
    """What `make` gives, without repetition; it is told how many there were before.

    >>> letters = iter("abac")
    >>> stream = distinct(lambda _: next(letters))
    >>> next(stream), next(stream), next(stream)
    ('a', 'b', 'c')
    """
    seen: set[str] = set()
    while True:
        one = make(len(seen))
        if one not in seen:
            seen.add(one)
            yield one


def distinct_names(generator: random.Random) -> Iterator[str]:
    """An adjective and a noun, such as `brave-otter`; two adjectives where half of these have been given."""
    half = len(ADJECTIVES) * len(NOUNS) // 2
    return distinct(
        lambda given: "-".join(
            [*(generator.choice(ADJECTIVES) for _ in range(1 + given // half)), generator.choice(NOUNS)]
        )
    )


def distinct_numbers(generator: random.Random) -> Iterator[str]:
    """Seven digits."""
    return distinct(lambda _: str(generator.randrange(10**6, 10**7)))


def distinct_uuids(generator: random.Random) -> Iterator[str]:
    """UUIDs of version 4."""
    return distinct(lambda _: str(uuid.UUID(int=generator.getrandbits(128), version=4)))


def distinct_words(generator: random.Random) -> Iterator[str]:
    """All words of the lists in random order, then two nouns as one, then three, and so on."""
    words = list(dict.fromkeys((*ADJECTIVES, *NOUNS)))
    generator.shuffle(words)
    half = len(NOUNS) ** 2 // 2

    def make(given: int) -> str:
        if given < len(words):
            return words[given]
        return "".join(generator.choices(NOUNS, k=2 + (given - len(words)) // half))

    return distinct(make)
