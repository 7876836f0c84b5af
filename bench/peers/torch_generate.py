"""Generates greedily with the model that Tandem.Benchmarks saved, in two ways, and prints one JSON line.

The usual loop does what transformers' generate does: prompts in their order, padded on the left to the longest of a
batch; keys and values grow by torch.cat, as in DynamicCache; the attention mask grows by torch.cat and is made additive
at each step; the first pass computes logits at every position of the prompts (transformers 4 did before
num_logits_to_keep); a batch goes on until the longest of its continuations is done.

The tuned loop sorts the prompts by their length before it batches them, writes keys and values into memory of their
final size, keeps the additive mask, computes logits at the last position only, and drops the rows that are done, once
they are a quarter of the batch.

In both, keys are not repeated for the query heads that share them, which transformers does.
"""

import argparse
import json
import math

import torch

from torch_step import Model, timed

NEVER = torch.finfo(torch.float32).min  # not -inf: a padded row sees no key, and its softmax must be finite


class CachedModel(Model):
    """Rows at positions of their own; the subclass of this file's loops says where keys and values are kept."""

    def __init__(self, directory):
        super().__init__(directory, 1)
        self.layers = self.config["num_hidden_layers"]
        self.frequencies = self.config["rope_theta"] ** (-torch.arange(0, self.size, 2, dtype=torch.float32) / self.size)

    def angles(self, positions):  # [B, T]
        angles = positions[:, None, :, None].float() * self.frequencies  # [B, 1, T, D/2]
        angles = torch.cat([angles, angles], dim=-1)
        return angles.cos(), angles.sin()

    def run(self, tokens, positions, mask, extend):
        """Hidden states [B, T, C]; mask is [B, T or 1, K], extend gives all K keys and values of a layer."""
        self.cos, self.sin = self.angles(positions)
        share = self.heads // self.groups

        def attend(layer, q, k, v):
            batch, _, length, _ = q.shape
            q = (self.turn(q) / math.sqrt(self.size)).reshape(batch * self.groups, share * length, self.size)
            k, v = extend(layer, self.turn(k), v)
            k = k.view(batch * self.groups, -1, self.size)
            v = v.view(batch * self.groups, -1, self.size)
            scores = torch.bmm(q, k.transpose(1, 2))
            scores.view(batch, self.heads, length, -1).add_(mask[:, None])
            return torch.bmm(torch.softmax(scores, dim=-1), v).view(batch, self.heads, length, self.size)

        return self.hidden(tokens, attend)


def left_padded(prompts):
    longest = max(len(prompt) for prompt in prompts)
    tokens = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros(len(prompts), longest, dtype=torch.long)
    for i, prompt in enumerate(prompts):
        tokens[i, longest - len(prompt) :] = torch.tensor(prompt)
        mask[i, longest - len(prompt) :] = 1
    return tokens, mask


def additive(mask):  # [B, K]
    return (1.0 - mask.float()) * NEVER


def causal(mask):  # [B, K] -> [B, K, K]
    length = mask.shape[1]
    later = torch.full((length, length), NEVER).triu(1)
    return torch.maximum(additive(mask)[:, None, :] + later, torch.tensor(NEVER))


def usual_batch(model, prompts, limits):
    tokens, mask = left_padded(prompts)
    keys, values = [None] * model.layers, [None] * model.layers

    def extend(layer, k, v):
        first = keys[layer] is None
        keys[layer] = k.contiguous() if first else torch.cat([keys[layer], k], dim=2)
        values[layer] = v.contiguous() if first else torch.cat([values[layer], v], dim=2)
        return keys[layer], values[layer]

    produced = []
    for step in range(max(limits)):
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        bias = causal(mask) if step == 0 else additive(mask)[:, None, :]
        logits = model.head(model.run(tokens, positions, bias, extend))
        tokens = logits[:, -1].argmax(-1, keepdim=True)
        mask = torch.cat([mask, torch.ones_like(tokens)], dim=1)
        produced.append(tokens)
    produced = torch.cat(produced, dim=1).tolist()
    return [row[:limit] for row, limit in zip(produced, limits)]


def tuned_batch(model, prompts, limits):
    tokens, mask = left_padded(prompts)
    length, steps = tokens.shape[1], max(limits)
    shape = (len(prompts), model.groups, length + steps, model.size)
    keys = [torch.empty(shape) for _ in range(model.layers)]
    values = [torch.empty(shape) for _ in range(model.layers)]
    bias = torch.cat([additive(mask), torch.zeros(len(prompts), steps)], dim=1)[:, None, :]
    start = 0

    def extend(layer, k, v):
        end = start + k.shape[2]
        keys[layer][:, :, start:end] = k
        values[layer][:, :, start:end] = v
        return keys[layer][:, :, :end], values[layer][:, :, :end]

    rows = list(range(len(prompts)))
    produced = [[] for _ in prompts]
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    for step in range(steps):
        hidden = model.run(tokens, positions, causal(mask) if step == 0 else bias[:, :, : start + 1], extend)
        tokens = model.head(hidden[:, -1]).argmax(-1, keepdim=True)
        start, positions = start + positions.shape[1], positions[:, -1:] + 1
        for row, token in zip(rows, tokens[:, 0].tolist()):
            produced[row].append(token)
        kept = [i for i, row in enumerate(rows) if limits[row] > step + 1]
        if 4 * len(kept) <= 3 * len(rows):
            rows = [rows[i] for i in kept]
            kept = torch.tensor(kept, dtype=torch.long)
            tokens, positions, bias = tokens[kept], positions[kept], bias[kept]
            keys[:], values[:] = [k[kept] for k in keys], [v[kept] for v in values]
        if not rows:
            break
    return [row[:limit] for row, limit in zip(produced, limits)]


class Generation:
    def __init__(self, model, prompts, limits, size, tuned):
        self.model, self.prompts, self.limits, self.size, self.tuned = model, prompts, limits, size, tuned
        self.tokens = None

    @torch.inference_mode()
    def __call__(self):
        order = list(range(len(self.prompts)))
        if self.tuned:
            order.sort(key=lambda i: len(self.prompts[i]))
        self.tokens = [None] * len(order)
        for start in range(0, len(order), self.size):
            group = order[start : start + self.size]
            run = tuned_batch if self.tuned else usual_batch
            for i, row in zip(group, run(self.model, [self.prompts[i] for i in group], [self.limits[i] for i in group])):
                self.tokens[i] = row


def measure(model, prompts, limits, tuned, seconds):
    # The fastest settings are found on a batch of the largest size with a quarter of the tokens.
    few = [max(1, limit // 4) for limit in limits]
    Generation(model, prompts[:4], few[:4], 4, tuned)()
    results = []
    for mkldnn in (True, False):
        for size in (8, 16, 32, 64):
            torch._C._set_mkldnn_enabled(mkldnn)
            best, _ = timed(Generation(model, prompts[:64], few[:64], size, tuned), 1, 0)
            results.append((best, mkldnn, size))
    _, mkldnn, size = min(results)
    torch._C._set_mkldnn_enabled(mkldnn)
    generation = Generation(model, prompts, limits, size, tuned)
    best, median = timed(generation, 2, seconds)
    return {
        "settings": f"oneDNN {'on' if mkldnn else 'off'}, {size} sequences a batch",
        "best": sum(limits) / best,
        "median": sum(limits) / median,
        "tokens": generation.tokens,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with open(f"{options.directory}/prompts.json", encoding="utf-8") as file:
        prompts, limits = json.load(file)
    model = CachedModel(options.directory)
    print(json.dumps({
        "usual": measure(model, prompts, limits, False, options.seconds / 2),
        "tuned": measure(model, prompts, limits, True, options.seconds / 2),
    }))


if __name__ == "__main__":
    main()
