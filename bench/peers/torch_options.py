"""Scores the options of questions with the model that Tandem.Benchmarks saved, as is usual, and prints one JSON line.

Every option stands behind its whole prompt as a sequence of its own, padded on the right to the longest of its batch;
logits are computed at every position, and the log-probabilities of the option's tokens are summed.
"""

import argparse
import json

import torch

from torch_step import Model, timed


def batches(questions, size):
    sequences = [(prompt, option) for prompt, options in questions for option in options]
    for start in range(0, len(sequences), size):
        group = sequences[start : start + size]
        longest = max(len(prompt) + len(option) for prompt, option in group)
        tokens = torch.zeros(len(group), longest, dtype=torch.long)
        wanted = torch.zeros(len(group), longest, dtype=torch.bool)
        for i, (prompt, option) in enumerate(group):
            tokens[i, : len(prompt) + len(option)] = torch.tensor(prompt + option)
            wanted[i, len(prompt) : len(prompt) + len(option)] = True
        yield tokens, wanted


class Scoring:
    def __init__(self, model, questions, size):
        self.model = model
        self.batches = list(batches(questions, size))
        self.scores = None

    @torch.no_grad()
    def __call__(self):
        self.scores = []
        for tokens, wanted in self.batches:
            self.model.resize(tokens.shape[1])
            log = torch.log_softmax(self.model.logits(tokens), dim=-1)
            taken = log[:, :-1].gather(2, tokens[:, 1:, None]).squeeze(2)
            self.scores += (taken * wanted[:, 1:]).sum(1).tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with open(f"{options.directory}/questions.json", encoding="utf-8") as file:
        questions = json.load(file)

    # The fastest settings are found on some of the questions.
    model, results = Model(options.directory, 1), []
    for mkldnn in (True, False):
        for size in (4, 16, 32):
            torch._C._set_mkldnn_enabled(mkldnn)
            best, _ = timed(Scoring(model, questions[:8], size), 2, 0)
            results.append((best, mkldnn, size))
    _, mkldnn, size = min(results)
    torch._C._set_mkldnn_enabled(mkldnn)
    scoring = Scoring(model, questions, size)
    best, median = timed(scoring, 2, options.seconds)
    print(json.dumps({
        "settings": f"oneDNN {'on' if mkldnn else 'off'}, {size} sequences a batch",
        "best": len(questions) / best,
        "median": len(questions) / median,
        "scores": scoring.scores,
    }))


if __name__ == "__main__":
    main()
