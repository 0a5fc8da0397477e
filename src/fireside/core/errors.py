"""The error tree.

    FiresideError
    ├── InputError (ValueError)            a value, file or frame that cannot be used
    │   ├── ConfigError                    a configuration that contradicts itself
    │   ├── SchemaError                    a column is missing, or has the wrong type
    │   └── DocumentsError                 no document could be read
    ├── MissingExtraError (ImportError)    an optional dependency is not installed
    ├── CheckpointError (OSError)          a saved directory is incomplete, corrupt, or from another version
    │   └── CorruptFileError               one file differs from what the manifest says
    ├── ResumeError (RuntimeError)         a run cannot go on from what lies on disk
    ├── DiskFullError (OSError)            there is no room to write
    ├── EndpointError (ConnectionError)    a model endpoint cannot be reached, or answers with an error
    ├── CollectiveError (RuntimeError)     processes of one gang have lost each other
    ├── EngineError (RuntimeError)         the inference engine failed in the middle of requests
    └── CapacityError (RuntimeError)       a request is larger than a pool, context or queue can ever hold

Every message says what was given and what to do about it. Errors survive pickling, because they travel
between processes.
"""

__all__ = [
    "CapacityError",
    "CheckpointError",
    "CollectiveError",
    "ConfigError",
    "CorruptFileError",
    "DiskFullError",
    "DocumentsError",
    "EndpointError",
    "EngineError",
    "FiresideError",
    "InputError",
    "MissingExtraError",
    "ResumeError",
    "SchemaError",
]


class FiresideError(Exception):
    """Base of all errors that Fireside raises on purpose.

    The command line turns one of these into a single line and exit code 2.
    """


class InputError(FiresideError, ValueError):
    """A value, file or frame that cannot be used."""


class ConfigError(InputError):
    """A configuration that contradicts itself or names something unknown."""


class SchemaError(InputError):
    """A column is missing or has the wrong type."""


class DocumentsError(InputError):
    """A folder holds no document that can be read."""


class MissingExtraError(FiresideError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class CheckpointError(FiresideError, OSError):
    """A saved directory is incomplete, corrupt, or written by another version."""


class CorruptFileError(CheckpointError):
    """One file of a checkpoint differs from its manifest."""


class ResumeError(FiresideError, RuntimeError):
    """A run cannot go on from what lies on disk."""


class DiskFullError(FiresideError, OSError):
    """There is no room left to write."""


class EndpointError(FiresideError, ConnectionError):
    """A model endpoint cannot be reached, or answers with an error."""


class CollectiveError(FiresideError, RuntimeError):
    """Processes of one gang have lost each other."""


class EngineError(FiresideError, RuntimeError):
    """The inference engine failed in the middle of requests."""


class CapacityError(FiresideError, RuntimeError):
    """A request is larger than a pool, context or queue can ever hold."""
