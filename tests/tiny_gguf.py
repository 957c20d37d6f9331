"""A tiny language model in a GGUF file, made without training: it counts, `1, 2, 3, …`, and can do nothing else.

Its one layer has an attention head that brings the number before a comma to that comma, and the output matrix knows
which number follows which. So it counts wrongly where the attention, the memory of keys and values or a matrix product
goes wrong. The rest of its weights are small noise, so that every part of the network takes part. They are quantised
to 4 and 6 bits, as those of a real model: only such weights are repacked for a processor.

The format: github.com/ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.runtime.openmp import limit_spin_wait

Matrix = npt.NDArray[np.float32]

LAST = 64
"""The model counts to here."""
_WIDTH = 256
_HEADS = 4
_HEAD = _WIDTH // _HEADS
_ALIGNMENT = 32
_NOISE = 0.002
_SHARPNESS = 3.0
"""Of the attention: weights of its keys and of its queries."""
_ROPE_BASE = 4.0
"""Small, so that neighbouring positions are turned far apart."""
_CERTAINTY = 1.0
"""Of the output: the log-probability of the number that follows is about -0.005."""

# Columns of a token's state: what it is (a number, or the comma), which number stood before it, and a constant.
_IS = 0
_COMMA = _IS + LAST
_BEFORE = _COMMA + 1
_CONSTANT = _WIDTH - 1

_F32, _Q4_K, _Q6_K = 0, 12, 14
"""Types of tensors, of `enum ggml_type`."""
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
"""Types of values in the header."""


def write_counting_model(path: Path, right: bool = True) -> None:
    """Write the model. One that is not `right` counts in steps of two: for the self-test it computes nonsense."""
    pieces = _pieces()
    tensors = _tensors(pieces, 1 if right else 2)
    encoded = {name: _encoded(matrix, kind) for name, (matrix, kind) in tensors.items()}
    infos, offset = b"", 0
    for name, (matrix, kind) in tensors.items():
        # GGUF names the length of a row first.
        sizes = struct.pack(f"<{matrix.ndim}Q", *reversed(matrix.shape))
        infos += _string(name) + struct.pack("<I", matrix.ndim) + sizes + struct.pack("<IQ", kind, offset)
        offset += len(encoded[name])
    header = _header(pieces)
    begin = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(header)) + b"".join(header) + infos
    path.write_bytes(_padded(begin) + b"".join(encoded.values()))


def _pieces() -> list[tuple[str, float, int]]:
    """The vocabulary: text, score and kind (2 unknown, 3 mark, 6 byte, 1 text) of each token.

    Digits join to numbers first, and a number then joins the space before it (`▁`).
    """
    marks = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    single = [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)] + [(text, -9.0, 1) for text in "0123456789,▁"]
    joined = [(str(number), -1.0, 1) for number in range(10, LAST + 1)]
    spaced = [(f"▁{number}", -2.0, 1) for number in range(2, LAST + 1)]
    return marks + single + joined + spaced


def _tensors(pieces: Sequence[tuple[str, float, int]], step: int) -> dict[str, tuple[Matrix, int]]:
    random = np.random.default_rng(0)

    def noise(rows: int) -> Matrix:
        return random.normal(0, _NOISE, (rows, _WIDTH)).astype(np.float32)

    place = {text: i for i, (text, _, _) in enumerate(pieces)}
    token = {number: place["1" if number == 1 else f"▁{number}"] for number in range(1, LAST + 1)}

    embedding, output = noise(len(pieces)), noise(len(pieces))
    embedding[:, _CONSTANT] = 1
    embedding[place[","], _COMMA] = 1
    for number, row in token.items():
        embedding[row, _IS + number - 1] = 1
        output[place[","], _IS + number - 1] = _CERTAINTY
        output[row, _COMMA] = _CERTAINTY
        if number > step:
            output[row, _BEFORE + number - step - 1] = _CERTAINTY

    # The first head looks one token back: its keys and queries are constant, turned apart by one position (RoPE).
    query, key, value, result = noise(_WIDTH), noise(2 * _HEAD), noise(2 * _HEAD), noise(_WIDTH)
    angles = _ROPE_BASE ** (-np.arange(0, _HEAD, 2) / _HEAD)
    key[0:_HEAD:2, _CONSTANT] = _SHARPNESS
    query[0:_HEAD:2, _CONSTANT] = _SHARPNESS * np.cos(angles)
    query[1:_HEAD:2, _CONSTANT] = -_SHARPNESS * np.sin(angles)
    for number in range(LAST):
        value[number, _IS + number] = 0.1
        result[_BEFORE + number, number] = 1

    ones = np.ones(_WIDTH, dtype=np.float32)
    return {
        "token_embd.weight": (embedding, _Q6_K),
        "blk.0.attn_norm.weight": (ones, _F32),
        "blk.0.attn_q.weight": (query, _Q4_K),
        "blk.0.attn_k.weight": (key, _Q4_K),
        "blk.0.attn_v.weight": (value, _Q6_K),
        "blk.0.attn_output.weight": (result, _Q4_K),
        "blk.0.ffn_norm.weight": (ones, _F32),
        "blk.0.ffn_gate.weight": (noise(_WIDTH), _Q4_K),
        "blk.0.ffn_up.weight": (noise(_WIDTH), _Q4_K),
        "blk.0.ffn_down.weight": (noise(_WIDTH), _Q6_K),
        "output_norm.weight": (ones, _F32),
        "output.weight": (output, _Q6_K),
    }


def _encoded(matrix: Matrix, kind: int) -> bytes:
    """A tensor in the file's form, quantised by llama.cpp itself."""
    if kind == _F32:
        return _padded(matrix.tobytes())
    limit_spin_wait()
    import llama_cpp

    library: Any = llama_cpp.llama_cpp._lib
    quantize, row_size = library.ggml_quantize_chunk, library.ggml_row_size
    row_size.argtypes, row_size.restype = [ctypes.c_int, ctypes.c_int64], ctypes.c_size_t
    pointers = [ctypes.c_void_p, ctypes.c_void_p]
    quantize.argtypes = [ctypes.c_int, *pointers, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    quantize.restype = ctypes.c_size_t
    rows, columns = matrix.shape
    buffer = ctypes.create_string_buffer(rows * row_size(kind, columns))
    quantize(kind, np.ascontiguousarray(matrix).ctypes.data, buffer, 0, rows, columns, None)
    return _padded(buffer.raw)


def _header(pieces: Sequence[tuple[str, float, int]]) -> list[bytes]:
    numbers = {
        "context_length": 4096,
        "embedding_length": _WIDTH,
        "block_count": 1,
        "feed_forward_length": _WIDTH,
        "attention.head_count": _HEADS,
        "attention.head_count_kv": 2,
        "rope.dimension_count": _HEAD,
        "vocab_size": len(pieces),
    }
    texts, scores, kinds = zip(*pieces, strict=True)
    return [
        _value("general.architecture", _STRING, _string("llama")),
        *(_value(f"llama.{name}", _UINT32, struct.pack("<I", number)) for name, number in numbers.items()),
        _value("llama.attention.layer_norm_rms_epsilon", _FLOAT32, struct.pack("<f", 1e-5)),
        _value("llama.rope.freq_base", _FLOAT32, struct.pack("<f", _ROPE_BASE)),
        _value("tokenizer.ggml.model", _STRING, _string("llama")),
        _array("tokenizer.ggml.tokens", _STRING, [_string(text) for text in texts]),
        _array("tokenizer.ggml.scores", _FLOAT32, [struct.pack("<f", score) for score in scores]),
        _array("tokenizer.ggml.token_type", _INT32, [struct.pack("<i", kind) for kind in kinds]),
        _value("tokenizer.ggml.add_space_prefix", _BOOL, b"\0"),
    ]


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(name: str, kind: int, value: bytes) -> bytes:
    return _string(name) + struct.pack("<I", kind) + value


def _array(name: str, kind: int, values: Sequence[bytes]) -> bytes:
    return _value(name, _ARRAY, struct.pack("<IQ", kind, len(values)) + b"".join(values))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
