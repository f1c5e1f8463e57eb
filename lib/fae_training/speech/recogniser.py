"""Qwen3-ASR on mlx-audio: its transcripts, and the rows that it learns from.

Each clip passes the frozen encoder once; the decoder is trained with the same prompt that Fae's
runtime uses (fae: mlx-audio-swift, Qwen3ASRModel): an empty system message, the sound, and
"language English<asr_text>" before the transcript.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy
from mlx_audio.stt import load as load_speech_model
from mlx_audio.stt.utils import merge_hotwords

from fae_training.audio import SAMPLE_RATE
from fae_training.environment.models import loadable
from fae_training.language import adapters

LANGUAGE = "English"
# mlx-audio needs at least this length: Qwen3ASRModel.generate pads with silence up to here.
SHORTEST_SAMPLES = SAMPLE_RATE
LONGEST_TRANSCRIPT = 200  # tokens; stops a decoder that repeats itself
# Widths are rounded up to these, so that few shapes are compiled.
ROUND_TOKENS = 32
ROUND_TARGETS = 16


@dataclass(frozen=True)
class SpeechRow:
    """One clip to learn from. `features` (audio tokens, width) is the encoder's output.

    tokens is the prompt with its audio placeholders, the transcript and its end token; the targets
    are tokens[supervised_from:]. weight multiplies their loss. A row has no padding.
    """

    tokens: list[int]
    supervised_from: int
    features: Any
    weight: float = 1.0
    source: str = ""


def load(directory: Path, adapter: Path | None = None):
    """The Qwen3ASRModel in `directory`, with a trained adapter where one is given, ready to transcribe.

    mlx-audio reads the architecture from config.json; mlx-tune is not used here, so an adapter is
    judged independently of the code that trained it.
    """
    model = load_speech_model(loadable(directory))._model
    if adapter is not None:
        adapters.load(model, adapter)
    model.eval()
    return model


def padded(samples):
    """Samples (n,) as generate() processes them: at least one second."""
    return numpy.pad(samples, (0, max(0, SHORTEST_SAMPLES - len(samples))))


def encode(model, samples):
    """The frozen encoder's output for one clip: (audio tokens, width).

    One clip at a time: encoded together with a longer one, a clip's last frames come out
    differently.
    """
    features, mask, _ = model._preprocess_audio(padded(samples))
    encoded = model.get_audio_features(features, mask)
    mx.eval(encoded)
    return encoded


def prompt_tokens(model, audio_tokens: int, hotwords: list[str] | None = None) -> list[int]:
    """The prompt of Fae's runtime as ids, from the model's own tokenizer; with hotwords in its
    system message."""
    prompt = model._build_prompt(audio_tokens, LANGUAGE, merge_hotwords(None, hotwords))
    return numpy.array(prompt).reshape(-1).tolist()


def row(model, features, text: str, weight: float = 1.0, source: str = "") -> SpeechRow:
    """A training row from a clip's features and its transcript."""
    prompt = prompt_tokens(model, features.shape[0])
    answer = model._tokenizer.encode(text, add_special_tokens=False)
    answer.append(model._tokenizer.convert_tokens_to_ids("<|im_end|>"))
    return SpeechRow(prompt + answer, len(prompt), features, weight, source)


def collate(rows: list[SpeechRow]) -> dict:
    """The mlx arrays of one batch of B rows.

    ids (B, W) with zeros after the end; features (B, F, width); predict (B, T): the positions whose
    next token is a target; targets (B, T); weights (B, T), 0 where there is no target.
    """
    longest = _rounded(max(len(r.tokens) for r in rows), ROUND_TOKENS)
    targets = _rounded(max(len(r.tokens) - r.supervised_from for r in rows), ROUND_TARGETS)
    frames = _rounded(max(r.features.shape[0] for r in rows), ROUND_TARGETS)
    ids = numpy.zeros((len(rows), longest), numpy.int32)
    labels = numpy.zeros((len(rows), targets), numpy.int32)
    predict = numpy.zeros((len(rows), targets), numpy.int32)
    weights = numpy.zeros((len(rows), targets), numpy.float32)
    for index, each in enumerate(rows):
        answer = each.tokens[each.supervised_from :]
        ids[index, : len(each.tokens)] = each.tokens
        labels[index, : len(answer)] = answer
        predict[index, : len(answer)] = numpy.arange(len(answer)) + each.supervised_from - 1
        weights[index, : len(answer)] = each.weight
    features = [mx.pad(r.features, [(0, frames - r.features.shape[0]), (0, 0)]) for r in rows]
    return {
        "ids": mx.array(ids),
        "features": mx.stack(features),
        "predict": mx.array(predict),
        "targets": mx.array(labels),
        "weights": mx.array(weights),
    }


def _rounded(size: int, step: int) -> int:
    return -(-size // step) * step


def hidden_states(model, batch: dict):
    """The decoder's last hidden states (B, W, width), with the sound in place of the prompt's placeholders."""

    return model.model(inputs_embeds=_with_sound(model, batch["ids"], batch["features"]))


def loss(model, batch: dict):
    """(sum of weighted cross-entropies, sum of weights, {}) over transcripts and their end tokens, in float32.

    Only the positions that predict a target reach the output matrix: with a vocabulary of 151,936
    the logits of a whole prompt would cost more than the decoder.
    """
    hidden = hidden_states(model, batch)
    hidden = mx.take_along_axis(hidden, batch["predict"][..., None], axis=1)
    losses = nn.losses.cross_entropy(_head(model)(hidden).astype(mx.float32), batch["targets"])
    return (losses * batch["weights"]).sum(), batch["weights"].sum(), {}


def transcribe(model, features, hotwords: list[str] | None = None) -> str:
    """The transcript that Fae's runtime would write for a clip's features (see encode): greedy, in English.

    It equals the result of Qwen3ASRModel.generate word for word; that runs the encoder again at
    each call.
    """
    prompt = mx.array([prompt_tokens(model, features.shape[0], hotwords)])
    cache, ends, answer = model.make_cache(), model._eos_token_ids(), []
    embeddings = _with_sound(model, prompt, features[None])
    while len(answer) < LONGEST_TRANSCRIPT:
        hidden = model.model(inputs_embeds=embeddings, cache=cache)
        token = mx.argmax(_head(model)(hidden[:, -1])).item()
        if token in ends:
            break
        answer.append(token)
        embeddings = model.model.embed_tokens(mx.array([[token]]))
    return " ".join(model._tokenizer.decode(answer, skip_special_tokens=True).split())


def _with_sound(model, ids, features):
    """Embeddings (B, W, width) of ids (B, W), the n-th audio placeholder of a row replaced by its
    n-th feature.
    """
    embeddings = model.model.embed_tokens(ids)
    is_audio = ids == model.config.audio_token_id
    # One gather for all lengths: the shape does not depend on the contents of the row.
    nth = mx.clip(mx.cumsum(is_audio.astype(mx.int32), axis=1) - 1, 0, features.shape[1] - 1)
    sound = mx.take_along_axis(features.astype(embeddings.dtype), nth[..., None], axis=1)
    return mx.where(is_audio[..., None], sound, embeddings)


def _head(model):
    return model.lm_head if model.lm_head is not None else model.model.embed_tokens.as_linear
