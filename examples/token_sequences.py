"""A tiny model of language on window tokens, and whether it is better than "the same as before".

spinlock tokenize --dataset datasets/demo.h5 --window 16 --output windows.h5
python examples/token_sequences.py windows.h5 [epochs]
"""

import sys

import torch
from torch import nn

import spinlock
from spinlock.core.sequences import SPECIAL


class Reader(nn.Module):
    """Logits of the next word after every prefix."""

    def __init__(self, num_words: int, width: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, width)
        self.memory = nn.GRU(width, width, batch_first=True)
        self.logits = nn.Linear(width, num_words)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """(run, place) → (run, place, word)."""
        return self.logits(self.memory(self.embedding(words))[0])


def main(path: str, epochs: int) -> None:
    """Fit to the runs of four draws in five, and say the bits a token of the others."""
    torch.manual_seed(0)
    tokens = spinlock.load_tokens(path)
    vocabulary = spinlock.SequenceVocabulary.of(tokens, num_levels=1)
    draws = sorted(set(tokens.groups))
    held_out = {draws[place] for place in torch.randperm(len(draws))[: max(1, len(draws) // 5)].tolist()}
    is_new = torch.tensor([draw in held_out for draw in tokens.groups])
    sides = (tokens.rows(~is_new), tokens.rows(is_new))
    train, test = (nn.utils.rnn.pad_sequence([*vocabulary.encode(side).values()], batch_first=True) for side in sides)
    model = Reader(len(vocabulary))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(epochs):
        for batch in train[torch.randperm(len(train))].split(64):
            loss = nn.functional.cross_entropy(model(batch[:, :-1]).mT, batch[:, 1:], ignore_index=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        losses = nn.functional.cross_entropy(model(test[:, :-1]).mT, test[:, 1:], reduction="none")
    bits = losses[test[:, 1:] >= len(SPECIAL)].mean() / torch.log(torch.tensor(2.0))
    simple = spinlock.sequence_bits(*sides)
    print(f"{simple.num_tokens} held-out tokens, {simple.same_as_before:.0%} the same as the window before")
    print(
        f"bits a token: marginal {simple.marginal:.2f}, sticky {simple.sticky:.2f}, bigram {simple.bigram:.2f}, GRU {bits:.2f}"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20)
