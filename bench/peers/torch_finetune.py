"""Fine-tunes the model that Tandem.Benchmarks saved on answers to questions, in two ways, and prints one JSON line.

The usual loop pads a batch on the right to its longest sequence, computes logits at every position, and leaves prompts
and padding out of the loss by ignore_index. The tuned loop gathers the hidden states of the answers' positions before
the head. Both clip gradients by their norm, as transformers' Trainer does, and step with AdamW.
"""

import json

import torch
import torch.nn.functional as F

from torch_step import Model, adamw, timed, training_arguments


def padded(batch):
    """Tokens [B, T] and targets [B, T], -100 where there is no loss. An answer's last token foretells nothing."""
    longest = max(len(prompt) + len(answer) for prompt, answer in batch) - 1
    tokens = torch.zeros(len(batch), longest, dtype=torch.long)
    targets = torch.full((len(batch), longest), -100, dtype=torch.long)
    for i, (prompt, answer) in enumerate(batch):
        whole = prompt + answer
        tokens[i, : len(whole) - 1] = torch.tensor(whole[:-1])
        targets[i, len(prompt) - 1 : len(whole) - 1] = torch.tensor(answer)
    return tokens, targets


class FineTuning:
    def __init__(self, directory, batches, options, foreach, tuned):
        self.model = Model(directory, 1)
        self.optimizer = adamw(self.model, options, foreach)
        self.batches = [padded(batch) for batch in batches]
        self.wanted = [torch.nonzero(targets.view(-1) != -100).squeeze(1) for _, targets in self.batches]
        self.clip, self.tuned, self.at = options.clip, tuned, 0

    def step(self):
        (tokens, targets), wanted = self.batches[self.at], self.wanted[self.at]
        self.at = (self.at + 1) % len(self.batches)
        self.model.resize(tokens.shape[1])
        if self.tuned:
            hidden = self.model.hidden(tokens)
            hidden = hidden.view(-1, hidden.shape[-1]).index_select(0, wanted)
            loss = F.cross_entropy(self.model.head(hidden), targets.view(-1)[wanted])
        else:
            logits = self.model.logits(tokens)
            loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1), ignore_index=-100)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(self.model.parameters.values()), self.clip)
        self.optimizer.step()
        return loss.item()

    def round(self):
        for _ in self.batches:
            self.step()


def measure(options, batches, tuned):
    # The fastest settings are found on the first batch.
    results = []
    for mkldnn in (True, False):
        for foreach in (True, False):
            torch._C._set_mkldnn_enabled(mkldnn)
            trial = FineTuning(options.directory, batches[:1], options, foreach, tuned)
            trial.step()
            best, _ = timed(trial.step, 2, 0)
            results.append((best, mkldnn, foreach))
            del trial
    _, mkldnn, foreach = min(results)
    torch._C._set_mkldnn_enabled(mkldnn)
    training = FineTuning(options.directory, batches, options, foreach, tuned)
    losses = [training.step() for _ in range(options.losses)]
    training.at = 0
    best, median = timed(training.round, 2, options.seconds / 2)
    examples = sum(len(batch) for batch in batches)
    return {
        "settings": f"oneDNN {'on' if mkldnn else 'off'}, AdamW {'foreach' if foreach else 'one by one'}",
        "best": examples / best,
        "median": examples / median,
        "losses": losses,
    }


def main():
    parser = training_arguments()
    parser.add_argument("--clip", type=float, required=True)
    parser.add_argument("--losses", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with open(f"{options.directory}/batches.json", encoding="utf-8") as file:
        batches = json.load(file)
    print(json.dumps({"usual": measure(options, batches, False), "tuned": measure(options, batches, True)}))


if __name__ == "__main__":
    main()
