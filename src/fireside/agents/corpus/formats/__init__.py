"""One reader for each format: bytes in, `Content` out. No reader opens a file, a link or a connection."""

from fireside.agents.corpus.formats.content import Content, Reader, ReadingLimits, UnreadableError

__all__ = ["Content", "Reader", "ReadingLimits", "UnreadableError"]
