# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "mlx[cpu]>=0.32; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx-lm>=0.32",
#   "jinja2",
#   "numpy",
#   "tokenizers",
#   "fae-training",
# ]
#
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Train a small but real Qwen3.5 language model from scratch, on the conversations of samples/world.py.

The result answers the world's questions, follows Qwen3.5's chat template, calls its five tools in
Qwen3.5's own form and ends its turns. Tests and demo fine-tune it, so that their results are real. Three linear-attention layers and one
of full attention, as in Qwen3.5, float32, and small enough to be committed.

    uv run samples/make_language_model.py --out samples/language-model

Prints the loss during training and measures the result (samples/language_checks.py) at the end. The same seed gives the same
data, order and starting weights.
"""

import argparse
import json
import math
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import world
from fae_training.environment import mlx_on_linux

HERE = Path(__file__).resolve().parent
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Single tokens as in Qwen3.5, but visible in decoded text: the parsers of tool calls read them there.
VISIBLE_TOKENS = (
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
)
VOCABULARY = 1280
CONVERSATIONS_PER_BATCH = 12
# (conversations, share of them with tools, highest learning rate). The second starts from the first
# and is mostly about tools: copying an argument from the request is learned last.
PASSES = ((31_000, 0.28, 2.5e-3), (14_400, 0.45, 1.5e-3))
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def make_tokenizer(out: Path, soul: str):
    """Train the byte-level BPE on every sentence of the world and write the files of a Qwen tokenizer. Returns it loaded."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoTokenizer

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    template = (HERE / "chat_template.jinja").read_text(encoding="utf-8")
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL_TOKENS) - len(VISIBLE_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sentences(soul, template), trainer)
    for names, special in ((SPECIAL_TOKENS, True), (VISIBLE_TOKENS, False)):
        tokenizer.add_tokens(
            [AddedToken(name, special=special, normalized=False) for name in names]
        )
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    config = {
        "tokenizer_class": "Qwen2Tokenizer",
        "model_max_length": 4096,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "bos_token": None,
        "unk_token": None,
        "add_bos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "errors": "replace",
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    (out / "chat_template.jinja").write_text(template, encoding="utf-8")
    return AutoTokenizer.from_pretrained(out)


def _sentences(soul: str, template: str):
    """Every question and answer once, requests for tools, and the fixed words of the prompts."""
    import jinja2

    for subject in world.subjects():
        yield from subject.questions
        for style in (*world.STYLES, world.PERSONAL):
            yield from (world.answer(subject, style, wording) for wording in range(3))
    rng = random.Random(0)
    for _ in range(1000):
        request = world.tool_request(rng)
        yield from (request.text, request.result, request.reply)
        # As they occur in a call: at the start of a line, without a space before them.
        yield from (str(value) for value in request.arguments.values())
    yield from (*world.SHORTER, *world.LONGER, *world.MEANT, *world.WITHOUT_TOOL.values())
    prompt = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(template)
    # Several times, so that the words of the fixed prompts become single tokens and the prompts short.
    for _ in range(40):
        yield prompt.render(
            messages=[world.user("Hello.")], tools=world.TOOLS, add_generation_prompt=True
        )
        yield from (soul, world.TOOL_SYSTEM)
        yield "system\n user\n assistant\n tool\n a\n\nb\n\n"


def make_model(vocabulary: int, end_of_turn: int, end_of_text: int, seed: int):
    """The model with random weights, and its config.json."""
    import mlx.core as mx
    from mlx_lm.models import qwen3_5

    text = {
        "model_type": "qwen3_5_text",
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "full_attention_interval": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "linear_num_key_heads": 1,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 32,
        "linear_value_head_dim": 64,
        "linear_conv_kernel_dim": 4,
        "rms_norm_eps": 1e-6,
        "vocab_size": -(-vocabulary // 64) * 64,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "rope_parameters": {
            "rope_type": "default",
            "mrope_section": [2, 1, 1],
            "rope_theta": 10000000,
            "partial_rotary_factor": 0.25,
        },
        "eos_token_id": end_of_turn,
    }
    config = {
        "model_type": "qwen3_5",
        "architectures": ["Qwen3_5ForConditionalGeneration"],
        "tie_word_embeddings": True,
        "text_config": text,
        "eos_token_id": [end_of_turn, end_of_text],
    }
    mx.random.seed(seed)
    model = qwen3_5.Model(qwen3_5.ModelArgs.from_dict(json.loads(json.dumps(config))))
    # mlx-lm initialises the embedding with a deviation of 1/sqrt(hidden); tied to the output layer,
    # that makes it too confident at the start.
    model.language_model.model.embed_tokens.weight *= 0.25
    for layer in model.language_model.model.layers:
        if layer.is_linear:
            # mlx-lm's initialisation forgets everything within a token, and such a model never
            # learns to look at the question. The step of Mamba-2 (arXiv 2405.21060): one head
            # remembers for hundreds of tokens, one for tens.
            step = mx.array([0.001, 0.02])
            layer.linear_attn.A_log = mx.log(mx.array([2.0, 2.0]))
            layer.linear_attn.dt_bias = step + mx.log(-mx.expm1(-step))
    mx.eval(model.parameters())
    return model, config


def encode(tokenizer, messages: list[dict], tools: list[dict] | None) -> tuple[list[int], list]:
    """Token ids of a conversation, and the (start, end) of the assistant's texts in it, end tokens included."""
    ids = tokenizer.apply_chat_template(messages, tools=tools, return_dict=False)
    begin, end, thought = (
        tokenizer.convert_tokens_to_ids(name) for name in ("<|im_start|>", "<|im_end|>", "</think>")
    )
    role = tokenizer.encode("assistant", add_special_tokens=False)[0]
    spans = []
    for index, token in enumerate(ids):
        if token == begin and ids[index + 1] == role:
            last = ids.index(end, index)
            # The empty thought of the last turn is part of the prompt when an answer is asked for.
            first = ids.index(thought, index, last) + 2 if thought in ids[index:last] else index + 3
            spans.append((first, last + 1))
    return ids, spans


def make_batches(
    tokenizer, count: int, soul: str, rng: random.Random, tools: float = 0.28
) -> list[tuple]:
    """`count` conversations as batches in random order: (system prompt's tokens, [(ids, spans), ...]).

    The conversations of a batch have the same system prompt, which is then computed once, and
    similar lengths.
    """
    families: dict[tuple, list] = {}
    for _ in range(count):
        conversation = world.training_conversation(rng, tools)
        if conversation.tools:
            system = rng.choice((soul, soul, world.TOOL_SYSTEM))
        else:
            system = rng.choice((soul, soul, soul, world.TOOL_SYSTEM, None))
        start = [{"role": "system", "content": system}] if system else []
        encoded = encode(tokenizer, start + conversation.messages, conversation.tools)
        families.setdefault((system, bool(conversation.tools)), []).append(encoded)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    batches = []
    for (system, _), members in families.items():
        members.sort(key=lambda member: len(member[0]))
        prefix = members[0][0][: members[0][0].index(end) + 2] if system else []
        for first in range(0, len(members), CONVERSATIONS_PER_BATCH):
            batches.append((prefix, members[first : first + CONVERSATIONS_PER_BATCH]))
    rng.shuffle(batches)
    return batches


def as_arrays(prefix: list[int], members: list[tuple]) -> dict:
    """A batch as fae_training.language.layout describes it, with every turn of the assistant supervised."""
    import mlx.core as mx
    import numpy

    from fae_training.language.layout import round_up

    width = round_up(max(len(ids) for ids, _ in members) - len(prefix))
    tokens = numpy.zeros((len(members), width), numpy.int32)
    predictors, targets = [], []
    for row, (ids, spans) in enumerate(members):
        tokens[row, : len(ids) - len(prefix)] = ids[len(prefix) :]
        for first, last in spans:
            # Indices are counted through the prefix, then row by row; a token is predicted by the
            # one before it.
            offset = row * width - 1
            predictors.extend(range(offset + first, offset + last))
            targets.extend(ids[first:last])
    batch = {"predictors": mx.array(predictors), "targets": mx.array(targets)}
    if not prefix:
        return batch | {"tokens_0": mx.array(tokens)}
    count = len(members)
    return batch | {
        "tokens_0": mx.array([prefix]),
        "tokens_1": mx.array(tokens),
        "parent_1": mx.zeros((count,), mx.int32),
        "branch_1": mx.full((count,), len(prefix), mx.int32),
        "start_1": mx.full((count,), len(prefix), mx.int32),
    }


def train(model, batches: list[tuple], learning_rate: float, log) -> float:
    """One pass over the batches with AdamW, warm-up and cosine. Returns the mean loss of the last twentieth."""
    import mlx.core as mx
    import mlx.nn as nn
    import mlx.optimizers as optimizers

    from fae_training.language import gated_delta_patch
    from fae_training.language.fast_settings import FastSettings
    from fae_training.language.supervised_loss import hidden_states, output_layer

    gated_delta_patch.install()
    fast = FastSettings()
    steps = len(batches)
    warmup = max(min(100, steps // 10), 1)
    schedule = optimizers.join_schedules(
        [
            optimizers.linear_schedule(learning_rate / warmup, learning_rate, warmup),
            optimizers.cosine_decay(learning_rate, steps - warmup, learning_rate / 50),
        ],
        [warmup],
    )
    optimizer = optimizers.AdamW(schedule, betas=[0.9, 0.98], weight_decay=0.05)

    def loss(model, batch):
        # Not the fine-tuning loss, which gives the output layer no gradient: here it is trained too.
        hidden = hidden_states(model, batch, fast)[batch["predictors"]]
        return nn.losses.cross_entropy(output_layer(model)(hidden), batch["targets"]).mean()

    loss_and_gradients = nn.value_and_grad(model, loss)
    model.train()
    began, values = time.monotonic(), []
    for number, (prefix, members) in enumerate(batches, 1):
        value, gradients = loss_and_gradients(model, as_arrays(prefix, members))
        gradients, _ = optimizers.clip_grad_norm(gradients, 1.0)
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state, value)
        values.append(value.item())
        if not math.isfinite(values[-1]):
            raise RuntimeError(f"the loss became {values[-1]} at step {number}")
        if number % 50 == 0 or number == steps:
            recent = sum(values[-50:]) / len(values[-50:])
            log(f"step {number}/{steps}  loss {recent:.4f}  {time.monotonic() - began:.0f} s")
    model.eval()
    last = values[-max(steps // 20, 1) :]
    return sum(last) / len(last)


def set_unseen_tokens_apart(model, tokenizer, seed: int) -> int:
    """Give each token that never occurred in training its own direction; returns how many there are.

    The loss pushes all of them to the same point (cosine 1.00), where no fine-tuning can
    distinguish them: the name of the database's user is one of them, and would come out as any
    other. A control character, which nobody writes, shows where that point is.
    """
    import mlx.core as mx

    embedding = model.language_model.model.embed_tokens
    directions = embedding.weight / mx.linalg.norm(embedding.weight, axis=1, keepdims=True)
    unseen = directions @ directions[tokenizer.encode("\x01")[0]] > 0.999
    mx.random.seed(seed)
    own = mx.random.normal(directions.shape)
    own = own / mx.linalg.norm(own, axis=1, keepdims=True)
    embedding.weight = mx.where(unseen[:, None], embedding.weight + own, embedding.weight)
    return int(unseen.sum().item())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=HERE / "language-model")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    mlx_on_linux.use_openblas()

    from mlx_lm.utils import save_config, save_model

    from fae_training.fitting.arrays import flattened

    def log(text: str) -> None:
        print(text, flush=True)

    soul = (HERE / "soul.md").read_text(encoding="utf-8").strip()
    tokenizer = make_tokenizer(given.out, soul)
    model, config = make_model(
        len(tokenizer),
        tokenizer.convert_tokens_to_ids("<|im_end|>"),
        tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        given.seed,
    )
    size = sum(value.size for value in flattened(model.parameters()).values())
    log(f"{size} parameters, {len(tokenizer)} tokens")
    lost = float("nan")
    for number, (conversations, tools, learning_rate) in enumerate(PASSES):
        rng = random.Random(given.seed + number)
        batches = make_batches(tokenizer, conversations, soul, rng, tools)
        log(f"pass {number + 1} of {len(PASSES)}: {conversations} conversations")
        lost = train(model, batches, learning_rate, log)
    log(f"{set_unseen_tokens_apart(model, tokenizer, given.seed)} tokens were never seen")
    save_model(given.out, model)
    (given.out / "model.safetensors.index.json").unlink()  # one file needs no index
    save_config(config, given.out / "config.json")
    (given.out / "README.md").write_text(
        "Made by samples/make_language_model.py; see samples/README.md.\n"
    )
    log(f"final loss {lost:.4f}; written to {given.out}")

    import language_checks

    for name, value in language_checks.all_measures(given.out).items():
        log(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
