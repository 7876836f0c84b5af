"""Times training steps of the model that Tandem.Benchmarks saved, in PyTorch, and prints one JSON line.

The model is Qwen2's decoder (RMSNorm, rotary positions, grouped-query attention with biases on q, k and v, SwiGLU),
written for speed: no attention mask is rebuilt, keys are not repeated for the query heads that share them, and of the
settings that PyTorch has for this step the fastest on this machine is found first.
"""

import argparse
import json
import math
import struct
import time

import torch
import torch.nn.functional as F

DTYPES = {"F32": torch.float32}


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = bytearray(data[8 + length + begin : 8 + length + end])
        tensors[name] = torch.frombuffer(raw, dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"]).clone()
    return tensors


class Model:
    def __init__(self, directory, length):
        with open(f"{directory}/config.json", encoding="utf-8") as file:
            self.config = config = json.load(file)
        self.parameters = {name: t.requires_grad_() for name, t in read_safetensors(f"{directory}/model.safetensors").items()}
        self.heads = config["num_attention_heads"]
        self.groups = config["num_key_value_heads"]
        self.size = config.get("head_dim") or config["hidden_size"] // self.heads
        self.epsilon = config["rms_norm_eps"]
        self.length = 0
        self.resize(length)

    def resize(self, length):
        """Prepares for sequences of a length: angles and causal mask."""
        if length == self.length:
            return
        self.length = length
        frequencies = self.config["rope_theta"] ** (-torch.arange(0, self.size, 2, dtype=torch.float32) / self.size)
        angles = torch.arange(length, dtype=torch.float32)[:, None] * frequencies[None, :]
        angles = torch.cat([angles, angles], dim=1)
        self.cos, self.sin = angles.cos(), angles.sin()
        share = self.heads // self.groups
        mask = torch.full((length, length), float("-inf")).triu(1)
        self.mask = mask.repeat(share, 1)  # [share*T, T]

    def norm(self, x, weight):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * weight

    def turn(self, x):  # [B, heads, T, D]
        half = self.size // 2
        return x * self.cos + torch.cat([-x[..., half:], x[..., :half]], dim=-1) * self.sin

    def attend(self, _, q, k, v):  # [B, H, T, D], [B, G, T, D], [B, G, T, D]
        batch, _, length, _ = q.shape
        share = self.heads // self.groups
        q = self.turn(q).reshape(batch * self.groups, share * length, self.size)
        k = self.turn(k).reshape(batch * self.groups, length, self.size)
        v = v.reshape(batch * self.groups, length, self.size)
        scores = torch.baddbmm(self.mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(self.size))
        mixed = torch.bmm(torch.softmax(scores, dim=-1), v)
        return mixed.view(batch, self.heads, length, self.size)

    def hidden(self, tokens, attend=None):  # [B, T]
        attend = attend or self.attend
        p = self.parameters
        batch, length = tokens.shape
        x = F.embedding(tokens, p["model.embed_tokens.weight"])
        for layer in range(self.config["num_hidden_layers"]):
            w = f"model.layers.{layer}."
            a = w + "self_attn."
            h = self.norm(x, p[w + "input_layernorm.weight"])
            q = F.linear(h, p[a + "q_proj.weight"], p[a + "q_proj.bias"])
            k = F.linear(h, p[a + "k_proj.weight"], p[a + "k_proj.bias"])
            v = F.linear(h, p[a + "v_proj.weight"], p[a + "v_proj.bias"])
            q = q.view(batch, length, self.heads, self.size).transpose(1, 2)
            k = k.view(batch, length, self.groups, self.size).transpose(1, 2)
            v = v.view(batch, length, self.groups, self.size).transpose(1, 2)
            mixed = attend(layer, q, k, v).transpose(1, 2).reshape(batch, length, -1)
            x = x + F.linear(mixed, p[a + "o_proj.weight"])
            h = self.norm(x, p[w + "post_attention_layernorm.weight"])
            gated = F.silu(F.linear(h, p[w + "mlp.gate_proj.weight"])) * F.linear(h, p[w + "mlp.up_proj.weight"])
            x = x + F.linear(gated, p[w + "mlp.down_proj.weight"])
        return self.norm(x, p["model.norm.weight"])

    def head(self, hidden):
        return F.linear(hidden, self.parameters["lm_head.weight"])

    def logits(self, tokens):  # [B, T]
        return self.head(self.hidden(tokens))


def adamw(model, options, foreach):
    matrices = [t for t in model.parameters.values() if t.dim() > 1]
    vectors = [t for t in model.parameters.values() if t.dim() == 1]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=options.learning_rate, betas=(options.beta1, options.beta2), eps=options.epsilon, foreach=foreach)


class Step:
    def __init__(self, model, tokens, options, foreach):
        self.model = model
        self.inputs, self.targets = tokens[:, :-1].contiguous(), tokens[:, 1:].reshape(-1)
        self.optimizer = adamw(model, options, foreach)

    def __call__(self):
        logits = self.model.logits(self.inputs)
        loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), self.targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def timed(step, steps, seconds):
    times = []
    start = time.perf_counter()
    while len(times) < steps or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        step()
        times.append(time.perf_counter() - before)
    times.sort()
    return times[0], times[len(times) // 2]


def training_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--weight-decay", type=float, required=True)
    parser.add_argument("--beta1", type=float, required=True)
    parser.add_argument("--beta2", type=float, required=True)
    parser.add_argument("--epsilon", type=float, required=True)
    return parser


def main():
    parser = training_arguments()
    parser.add_argument("--sequences", type=int, required=True)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--trial-steps", type=int, default=3)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    with open(f"{options.directory}/tokens.bin", "rb") as file:
        tokens = torch.frombuffer(bytearray(file.read()), dtype=torch.int32).long().view(options.sequences, -1)

    losses, best, choice = None, None, None
    for mkldnn in (True, False):
        for foreach in (True, False):
            torch._C._set_mkldnn_enabled(mkldnn)
            step = Step(Model(options.directory, tokens.shape[1] - 1), tokens, options, foreach)
            first = [step() for _ in range(3 if losses is None else min(3, options.trial_steps))]
            losses = losses or first
            fastest, _ = timed(step, options.trial_steps, 0)
            if best is None or fastest < best:
                best, choice = fastest, (mkldnn, foreach, step)

    mkldnn, foreach, step = choice
    torch._C._set_mkldnn_enabled(mkldnn)
    fastest, median = timed(step, options.steps, options.seconds)
    count = step.inputs.numel()
    print(json.dumps({
        "version": torch.__version__,
        "settings": f"oneDNN {'on' if mkldnn else 'off'}, AdamW {'foreach' if foreach else 'one by one'}",
        "best": count / min(fastest, best),
        "median": count / median,
        "losses": losses,
    }))


if __name__ == "__main__":
    main()
