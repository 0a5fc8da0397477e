"""Models of all the kinds that can be read, found by what lies at a path."""

from pathlib import Path

from fireside.core.checkpoint import MANIFEST
from fireside.core.config import from_dict
from fireside.core.errors import InputError
from fireside.lm.config import ModelConfig
from fireside.lm.convert.gguf import find_smollm2, load_gguf
from fireside.lm.convert.gguf_file import GGUFFile
from fireside.lm.convert.hugging_face import load_hugging_face
from fireside.lm.finite_weights import check_finite
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.training_checkpoint import load_weights, read_state
from fireside.lm.transformer import Transformer
from fireside.recipes.local_agent import MODEL_NAME
from fireside.recipes.staged_run import stages_of_checkpoint
from fireside.recipes.training_run import run_of_checkpoint

__all__ = ["load_model", "load_tokenizer", "name_of_model"]


def name_of_model(path: Path | None) -> str:
    """What a model is called where nobody says: its file's or directory's name.

    >>> name_of_model(None), name_of_model(Path("models/small"))
    ('SmolLM2-135M-Instruct', 'small')
    """
    return MODEL_NAME if path is None else path.resolve().name


def load_model(path: Path | None) -> tuple[Transformer, Tokenizer]:
    """A model and its tokenizer.

    Args:
        path: a directory in Hugging Face's format, a GGUF file, or a checkpoint that `fireside mix train` or
            `fireside lm train` left, such as `RUN/checkpoints/step-00001000`; `None` is SmolLM2-135M-Instruct
            from its package.

    Raises:
        InputError: there is nothing of the kind at `path`.
        CheckpointError: it is damaged.
        MissingExtraError: the package of the default model is not installed.
    """
    if path is None:
        return load_gguf(find_smollm2())
    if path.is_file():
        return load_gguf(path)
    if not path.is_dir():
        raise InputError(f"{path} is neither a file nor a directory: name a model")
    if _is_checkpoint(path):
        tokenizer = _tokenizer_of_checkpoint(path)
        model = Transformer(from_dict(ModelConfig, read_state(path).model), seed=0)
        load_weights(model, path)
        check_finite(model.named_parameters())
        return model, tokenizer
    return load_hugging_face(path)


def load_tokenizer(path: Path | None) -> Tokenizer:
    """The tokenizer of a model at a path as for `load_model`, without the model.

    Raises:
        InputError: there is nothing of the kind at `path`.
        MissingExtraError: the package of the default model is not installed.
    """
    path = find_smollm2() if path is None else path
    if path.is_file():
        return Tokenizer.from_gguf(GGUFFile(path))
    return _tokenizer_of_checkpoint(path) if _is_checkpoint(path) else Tokenizer.load(path)


def _tokenizer_of_checkpoint(path: Path) -> Tokenizer:
    stages = stages_of_checkpoint(path)
    return run_of_checkpoint(path).tokenizer if stages is None else Tokenizer.load(stages.tokenizer)


def _is_checkpoint(path: Path) -> bool:
    return (path / MANIFEST).is_file() and not (path / "config.json").is_file()
