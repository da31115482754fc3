"""A tiny llama with random weights: a transformers folder, and the GGUF of the same weights."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from govbot.finetune.gguf_lora import ARCHITECTURES

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ("<unk>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")


def make_llama(folder: Path, *, kind: str = "llama", width: int = 64, seed: int = 7) -> Path:
    """Two layers, four heads of queries and two of keys; a token for each byte.

    `kind` is the type of the model in transformers.
    """
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: at for at, token in enumerate((*SPECIAL, *letters))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(each, special=True) for each in SPECIAL])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        kind,
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=width // 4,
        rms_norm_eps=1e-5,
        max_position_embeddings=512,
        initializer_range=0.1,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = AutoModelForCausalLM.from_config(config)
    for name, weight in model.named_parameters():
        if name.endswith(("norm.weight", "bias")):
            torch.nn.init.uniform_(weight, 0.5, 1.5)
    model.save_pretrained(folder)
    return folder


def write_gguf(folder: Path, path: Path) -> Path:
    """The weights of such a folder as llama.cpp takes them."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = model.config
    architecture, rotated = ARCHITECTURES[config.model_type]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_key_length(config.hidden_size // config.num_attention_heads)
    writer.add_value_length(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"t{at}" for at in range(config.vocab_size)])
    writer.add_token_scores([0.0] * config.vocab_size)
    writer.add_token_types([int(gguf.TokenType.NORMAL)] * config.vocab_size)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    kind = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(kind, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for key, tensor in model.state_dict().items():
        values = tensor.numpy().astype(np.float32)
        part, _, suffix = key.rpartition(".")
        count = heads.get(part.rpartition(".")[2])
        if rotated and count is not None:
            values = _rotary(values, count)
        writer.add_tensor(f"{names.get_name(part)}.{suffix}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def logits_of(base: Path, tokens: list[int], adapter: Path | None = None) -> Any:
    """What llama.cpp computes after each token, in 32 bits; (tokens, vocabulary)."""
    import llama_cpp as cpp

    from govbot.llama_log import silence

    silence()
    cpp.llama_backend_init()
    model = cpp.llama_model_load_from_file(str(base).encode(), cpp.llama_model_default_params())
    assert model
    parameters = cpp.llama_context_default_params()
    parameters.n_ctx, parameters.n_threads = 256, 1
    parameters.flash_attn_type = 0  # disabled: it computes in 16 bits
    parameters.type_k = parameters.type_v = 0  # GGML_TYPE_F32
    context = cpp.llama_init_from_model(model, parameters)
    if adapter is not None:
        loaded = cpp.llama_adapter_lora_init(model, str(adapter).encode())
        assert loaded
        adapters = (cpp.llama_adapter_lora_p_ctypes * 1)(loaded)
        scales = (ctypes.c_float * 1)(1.0)
        assert cpp.llama_set_adapters_lora(context, adapters, 1, scales) == 0
    batch = cpp.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for at, token in enumerate(tokens):
        batch.token[at], batch.pos[at] = token, at
        batch.n_seq_id[at], batch.seq_id[at][0], batch.logits[at] = 1, 0, 1
    assert cpp.llama_decode(context, batch) == 0
    size = cpp.llama_vocab_n_tokens(cpp.llama_model_get_vocab(model))
    rows = [np.array(cpp.llama_get_logits_ith(context, at)[:size]) for at in range(len(tokens))]
    cpp.llama_batch_free(batch)
    cpp.llama_free(context)
    cpp.llama_model_free(model)
    return np.stack(rows)


def _rotary(values: Any, heads: int) -> Any:
    """As llama.cpp's converter of models permutes them."""
    size = values.shape[0] // heads
    return (
        values.reshape(heads, 2, size // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)
    )
