# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "mlx[cpu]>=0.32; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx-audio>=0.6.2",
#   "tokenizers",
#   "transformers",
#   "numpy",
#   "soundfile",
#   "soxr",
#   "fae-training",
# ]
#
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Train a small but real Qwen3-ASR model from scratch, on speech that espeak-ng speaks.

The result transcribes its small world (samples/speech_world.py) and mishears the names held back from it, so that
the tests and `make demo-stt` can show a fine-tune at work in seconds and without a download.

    uv run samples/make_speech_model.py --out samples/speech-model

Needs espeak-ng. Architecture, file names and prompt are those of mlx-community/Qwen3-ASR; only the sizes differ.
The file is long because it holds tokenizer, voices, model and training in the order in which they run.
"""

import argparse
import json
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import speech_world
from fae_training.environment import mlx_on_linux

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|audio_start|>",
    "<|audio_end|>",
    "<|audio_pad|>",
    "<asr_text>",
)
FRAMES_IN_A_CHUNK = 100
TOKENS_IN_A_CHUNK = 13
LONGEST_CHUNKS = 3
LONGEST_TEXT = 24
WIDTH = 128
CHANNELS = 24
PROMPT_WORDS = "system\nuser\nassistant\nlanguage English"


def make_tokenizer(directory: Path, merges: int) -> dict[str, int]:
    """A byte-level BPE in Qwen's form, merged on everything except the names, which stay in short pieces."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    words = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+"
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    sentences = [sentence.format("", "") for sentence in speech_world.SENTENCES_WITH_A_NAME]
    sentences += list(speech_world.WITHOUT_A_NAME) + [PROMPT_WORDS] * 40
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.add_special_tokens([token for token in SPECIAL_TOKENS if token != "<asr_text>"])
    tokenizer.add_tokens(["<asr_text>"])
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "Qwen2TokenizerFast",
                "model_max_length": 131072,
                "eos_token": "<|im_end|>",
                "pad_token": "<|endoftext|>",
                "clean_up_tokenization_spaces": False,
                "add_prefix_space": False,
                "errors": "replace",
                "split_special_tokens": False,
            },
            indent=1,
        )
        + "\n"
    )
    return {token: tokenizer.token_to_id(token) for token in SPECIAL_TOKENS}


def write_config(directory: Path, ids: dict[str, int]) -> dict:
    """config.json and preprocessor_config.json as mlx-audio reads them; vocabulary rounded up to 64."""
    (directory / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "feature_extractor_type": "WhisperFeatureExtractor",
                "feature_size": 128,
                "sampling_rate": 16000,
                "hop_length": 160,
                "n_fft": 400,
                "chunk_length": 30,
                "n_samples": 480000,
                "nb_max_frames": 3000,
                "padding_side": "right",
                "padding_value": 0.0,
                "dither": 0.0,
                "return_attention_mask": True,
            },
            indent=1,
        )
        + "\n"
    )
    config = {
        "model_type": "qwen3_asr",
        "architectures": ["Qwen3ASRForConditionalGeneration"],
        "support_languages": ["Chinese", "English"],
        "thinker_config": {
            "model_type": "qwen3_asr",
            "audio_token_id": ids["<|audio_pad|>"],
            "audio_start_token_id": ids["<|audio_start|>"],
            "audio_end_token_id": ids["<|audio_end|>"],
            "audio_config": {
                "num_mel_bins": 128,
                "encoder_layers": 3,
                "encoder_attention_heads": 4,
                "encoder_ffn_dim": 3 * WIDTH,
                "d_model": WIDTH,
                "output_dim": WIDTH,
                "max_source_positions": 1500,
                "n_window": 50,
                "n_window_infer": 800,
                "conv_chunksize": 500,
                "downsample_hidden_size": CHANNELS,
                "activation_function": "gelu",
            },
            "text_config": {
                "model_type": "qwen3",
                "vocab_size": 64 * math.ceil((max(ids.values()) + 1) / 64),
                "hidden_size": WIDTH,
                "intermediate_size": 3 * WIDTH,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "head_dim": 32,
                "tie_word_embeddings": True,
                "rope_theta": 10000.0,
                "rms_norm_eps": 1e-6,
            },
        },
    }
    (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    return config


def speak_all(count: int, seed: int) -> list[tuple]:
    """`count` (sentence, samples) pairs, each in its own voice and room."""
    import numpy

    from fae_training.speech import sound, synthesis

    espeak = synthesis.Synthesiser("espeak-ng", "espeak-ng")

    def speak(index: int):
        random = numpy.random.default_rng([seed, index])
        text = speech_world.training_sentence(random)
        samples = sound.roughen(espeak.speak(text, espeak.voice(random)), random)
        return text, samples[: LONGEST_CHUNKS * 16000]

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(speak, range(count)))


def convolved(model, samples):
    """The output of the convolutions, (chunks, 13, channels x 16), and the number of audio tokens.

    The three convolutions keep their random weights (a random projection of the spectrogram loses little), so this
    is computed once for each clip: on a processor they would cost more than the rest of the model.
    """
    import mlx.core as mx
    import mlx.nn as nn
    import numpy

    samples = numpy.pad(
        samples, (0, max(0, 16000 - len(samples)))
    )  # as Qwen3ASRModel.generate does
    features, _, audio_tokens = model._preprocess_audio(samples)
    frames = features.shape[-1]
    chunks = math.ceil(frames / FRAMES_IN_A_CHUNK)
    padded = mx.pad(features[0], [(0, 0), (0, chunks * FRAMES_IN_A_CHUNK - frames)])
    x = padded.reshape(128, chunks, FRAMES_IN_A_CHUNK).transpose(1, 0, 2)[..., None]
    tower = model.audio_tower
    x = nn.gelu(tower.conv2d3(nn.gelu(tower.conv2d2(nn.gelu(tower.conv2d1(x))))))
    x = x.transpose(0, 2, 3, 1).reshape(chunks, TOKENS_IN_A_CHUNK, -1)
    return numpy.array(x.astype(mx.float16)), audio_tokens


def encode(model, x, audio_tokens):
    """The encoder from the convolutions on, for a batch: x (B, chunks, 13, channels x 16) -> (B, chunks x 13, width)."""
    import mlx.core as mx
    import mlx.nn as nn

    tower = model.audio_tower
    x = tower.conv_out(x.astype(mx.float32)) + tower.positional_embedding(TOKENS_IN_A_CHUNK)
    x = x.reshape(x.shape[0], -1, x.shape[-1])
    outside = mx.arange(x.shape[1])[None] >= audio_tokens[:, None]
    mask = (outside * -1e9)[:, None, None, :]
    for layer in tower.layers:
        x = layer(x, mask=mask)
    return tower.proj2(nn.gelu(tower.proj1(tower.ln_post(x))))


def loss_of(model, x, audio_tokens, ids, starts, ends):
    """Mean cross-entropy of the transcript and its end token under the prompt that generate() uses."""
    import mlx.core as mx
    import mlx.nn as nn

    features = encode(model, x, audio_tokens)
    embeddings = model.model.embed_tokens(ids[:, :-1])
    is_audio = ids[:, :-1] == model.config.audio_token_id
    place = mx.clip(mx.cumsum(is_audio.astype(mx.int32), axis=1) - 1, 0, features.shape[1] - 1)
    audio = mx.take_along_axis(features, place[..., None], axis=1)
    logits = model._forward_with_embeds(mx.where(is_audio[..., None], audio, embeddings))
    positions = mx.arange(1, ids.shape[1])
    wanted = (positions >= starts[:, None]) & (positions < ends[:, None])
    losses = nn.losses.cross_entropy(logits, ids[:, 1:], label_smoothing=0.0)
    right = ((mx.argmax(logits, axis=-1) == ids[:, 1:]) | ~wanted).all(axis=1)
    # The same words straight from the encoder: without this loss the decoder long ignores the sound.
    places = mx.minimum(starts[:, None] + mx.arange(LONGEST_TEXT), ids.shape[1] - 1)
    words = mx.take_along_axis(ids, places, axis=1)
    aligned = ctc_losses(
        model.model.embed_tokens.as_linear(features),
        audio_tokens,
        words,
        ends - starts - 1,
        blank=0,
    )
    return (losses * wanted).sum() / wanted.sum(), aligned.mean(), right.mean()


def ctc_losses(logits, lengths, labels, label_lengths, blank: int):
    """Connectionist temporal classification (Graves et al. 2006), for each row: logits (B, T, V), labels (B, L) -> (B,)."""
    import mlx.core as mx

    never = -1e9
    scores = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
    rows, most = labels.shape
    path = mx.stack([mx.full(labels.shape, blank), labels], axis=2).reshape(rows, 2 * most)
    path = mx.concatenate([path, mx.full((rows, 1), blank)], axis=1)
    scores = mx.take_along_axis(
        scores, mx.broadcast_to(path[:, None], (rows, logits.shape[1], 2 * most + 1)), axis=2
    )
    may_skip = (path[:, 2:] != blank) & (path[:, 2:] != path[:, :-2])
    may_skip = mx.pad(may_skip, [(0, 0), (2, 0)])
    states = mx.arange(2 * most + 1)
    alpha = mx.where(states < 2, scores[:, 0], never)
    for t in range(1, logits.shape[1]):
        one = mx.pad(alpha[:, :-1], [(0, 0), (1, 0)], constant_values=never)
        two = mx.where(
            may_skip, mx.pad(alpha[:, :-2], [(0, 0), (2, 0)], constant_values=never), never
        )
        ahead = mx.logaddexp(mx.logaddexp(alpha, one), two) + scores[:, t]
        alpha = mx.where(t < lengths[:, None], ahead, alpha)
    last = mx.stack([2 * label_lengths, 2 * label_lengths - 1], axis=1)
    total = mx.logsumexp(mx.take_along_axis(alpha, last, axis=1), axis=1)
    possible = total > never / 2
    return mx.where(possible, -total / label_lengths, 0.0)


def rows_of(model, spoken, seed: int):
    """(convolved, audio_tokens, ids, start) for each clip, grouped by its number of one-second chunks.

    One in eight has a few names in its system message, as when Fae's recogniser is given hotwords.
    """
    import numpy
    from mlx_audio.stt.utils import merge_hotwords

    random = numpy.random.default_rng(seed)
    end = model._tokenizer.convert_tokens_to_ids("<|im_end|>")
    groups = {}
    for text, samples in spoken:
        x, audio_tokens = convolved(model, samples)
        in_prompt = random.random() < 1 / 8
        names = (
            random.choice(speech_world.COMMON_NAMES, size=random.integers(1, 5))
            if in_prompt
            else []
        )
        prompt = model._build_prompt(audio_tokens, "English", merge_hotwords(None, list(names)))
        prompt = numpy.array(prompt).reshape(-1).tolist()
        ids = prompt + model._tokenizer.encode(text, add_special_tokens=False) + [end]
        groups.setdefault((len(x), in_prompt), []).append((x, audio_tokens, ids, len(prompt)))
    return groups


def batch_of(rows):
    """Rows of one group as arrays; ids padded to a multiple of eight, so that few shapes are compiled."""
    import mlx.core as mx
    import numpy

    x, audio_tokens, all_ids, starts = zip(*rows, strict=True)
    ends = [len(tokens) for tokens in all_ids]
    ids = numpy.zeros((len(rows), 8 * math.ceil(max(ends) / 8)), numpy.int32)
    for row, tokens in zip(ids, all_ids, strict=True):
        row[: len(tokens)] = tokens
    arrays = numpy.stack(x), numpy.array(audio_tokens), ids, numpy.array(starts), numpy.array(ends)
    return [mx.array(array) for array in arrays]


def start_weights(model) -> None:
    """Convolutions with variance-preserving random weights and no bias, which are never trained."""
    import mlx.core as mx

    for layer in (model.audio_tower.conv2d1, model.audio_tower.conv2d2, model.audio_tower.conv2d3):
        fan_in = math.prod(layer.weight.shape[1:])
        layer.weight = mx.random.normal(layer.weight.shape) * math.sqrt(2 / fan_in)
        layer.bias = mx.zeros_like(layer.bias)
        layer.freeze()


def train(model, groups, held_out, steps: int, batch: int, rate: float, seed: int) -> None:
    import mlx.core as mx
    import mlx.nn as nn
    import mlx.optimizers as optim
    import numpy

    random = numpy.random.default_rng(seed)
    schedule = optim.join_schedules(
        [
            optim.linear_schedule(rate / 200, rate, 200),
            optim.cosine_decay(rate, steps - 200, rate / 50),
        ],
        [200],
    )
    optimizer = optim.AdamW(schedule, weight_decay=0.01)

    def total_loss(model, *arrays):
        loss, aligned, right = loss_of(model, *arrays)
        return loss + aligned, loss, right

    grads = nn.value_and_grad(model, total_loss)
    state = [model.state, optimizer.state]

    def step(*arrays):
        (_, loss, right), gradient = grads(model, *arrays)
        gradient, _ = optim.clip_grad_norm(gradient, 1.0)
        optimizer.update(model, gradient)
        return loss, right

    step = mx.compile(step, inputs=state, outputs=state)
    sizes = numpy.array([len(rows) for rows in groups.values()])
    keys = list(groups)
    began, losses, rights = time.time(), [], []
    for index in range(1, steps + 1):
        rows = groups[keys[random.choice(len(keys), p=sizes / sizes.sum())]]
        loss, right = step(*batch_of([rows[i] for i in random.integers(len(rows), size=batch)]))
        mx.eval(state, loss, right)
        losses.append(loss.item())
        rights.append(right.item())
        if index % 100 == 0:
            line = f"step {index}: loss {numpy.mean(losses[-100:]):.3f} right {numpy.mean(rights[-100:]):.2f}"
            if index % 500 == 0:
                line += f" held-out {check(model, held_out)}"
            print(f"{line} {time.time() - began:.0f} s", flush=True)


def check(model, groups) -> str:
    """Loss and share of whole sentences right (teacher-forced) over groups of rows."""
    totals = []
    for rows in groups.values():
        for begin in range(0, len(rows), 32):
            part = rows[begin : begin + 32]
            loss, _, right = loss_of(model, *batch_of(part))
            totals.append((loss.item() * len(part), right.item() * len(part), len(part)))
    loss, right, count = (sum(column) for column in zip(*totals, strict=True))
    return f"loss {loss / count:.3f} right {right / count:.3f} of {count}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=9000)
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--merges", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    mlx_on_linux.use_openblas()

    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_audio.stt.models.qwen3_asr.config import ModelConfig
    from mlx_audio.stt.models.qwen3_asr.qwen3_asr import Qwen3ASRModel

    arguments.out.mkdir(parents=True, exist_ok=True)
    config = write_config(arguments.out, make_tokenizer(arguments.out, arguments.merges))
    mx.random.seed(arguments.seed)
    model = Qwen3ASRModel(ModelConfig.from_dict(config))
    Qwen3ASRModel.post_load_hook(model, arguments.out)
    start_weights(model)
    groups = rows_of(model, speak_all(arguments.clips, arguments.seed), arguments.seed)
    held_out = rows_of(model, speak_all(300, arguments.seed + 1000), arguments.seed)
    print({key: len(rows) for key, rows in groups.items()}, flush=True)
    train(model, groups, held_out, arguments.steps, arguments.batch, arguments.rate, arguments.seed)
    mx.save_safetensors(
        str(arguments.out / "model.safetensors"),
        dict(tree_flatten(model.parameters())),
        metadata={"format": "mlx"},
    )


if __name__ == "__main__":
    main()
