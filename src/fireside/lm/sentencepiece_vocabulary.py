"""SentencePiece's byte-pair vocabularies as Gemma has them, without the merges that they do not list.

SentencePiece merges the two neighbours whose union is the best piece of the vocabulary. The library that runs
here wants a list of pairs instead: all ways to cut a piece into two others, best piece first. Spaces are
written U+2581, no space is put before a text, and what is in no piece is spelled in bytes.
"""

from collections.abc import Iterator, Sequence

import tokenizers
from tokenizers import decoders, models, normalizers

__all__ = ["sentencepiece_backend"]

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4
_SPACE = "\u2581"


def sentencepiece_backend(pieces: Sequence[str], kinds: Sequence[int]) -> tokenizers.Tokenizer:
    """A tokenizer of some pieces.

    Args:
        pieces: best first, their places are the ids.
        kinds: SentencePiece's numbers: 1 of text, 2 unknown, 3 control, 4 defined by the user, 5 unused,
            6 a byte.

    >>> spelled = [f"<0x{byte:02X}>" for byte in range(256)]
    >>> pieces = ["<bos>", "<unk>", "\u2581", "a", "b", "ab", "\u2581ab", *spelled]
    >>> backend = sentencepiece_backend(pieces, [3, 2, 1, 1, 1, 1, 1, *[6] * 256])
    >>> backend.encode("ab ab c").tokens, backend.decode([5, 6])
    (['ab', '\u2581ab', '\u2581', '<0x63>'], 'ab ab')
    """
    # Runs of spaces are defined by the user and written as such; here they are merged like any piece.
    runs = {id for id, piece in enumerate(pieces) if piece and not piece.strip(" ")}
    pieces = [_SPACE * len(piece) if id in runs else piece for id, piece in enumerate(pieces)]
    vocabulary = {piece: id for id, piece in enumerate(pieces)}
    unknown = next((pieces[id] for id, kind in enumerate(kinds) if kind == _UNKNOWN), None)
    backend = tokenizers.Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=list(_merges(pieces, kinds, vocabulary)),
            unk_token=unknown,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    backend.normalizer = normalizers.Replace(" ", _SPACE)
    backend.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    for wanted, special in ((_CONTROL, True), (_USER_DEFINED, False)):
        backend.add_tokens(
            [
                tokenizers.AddedToken(piece, special=special, normalized=False)
                for id, (piece, kind) in enumerate(zip(pieces, kinds, strict=True))
                if kind == wanted and id not in runs
            ]
        )
    return backend


def _merges(
    pieces: Sequence[str], kinds: Sequence[int], vocabulary: dict[str, int]
) -> Iterator[tuple[str, str]]:
    """All cuts of a piece into two, pieces in order of rank; nothing is merged into a special token."""
    for piece, kind in zip(pieces, kinds, strict=True):
        if kind not in (_NORMAL, _USER_DEFINED):
            continue
        for cut in range(len(piece) - 1, 0, -1):
            left, right = piece[:cut], piece[cut:]
            if left in vocabulary and right in vocabulary:
                yield left, right
