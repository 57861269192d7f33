"""Tokens as sequences of integers for models of language: one vocabulary for all categories and levels, and the way back."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.tokens import MISSING, TokenTable
from spinlock.core.windows import FACTS, rows_of_runs

PADDING, BEGIN, END, STEP, ABSENT = range(5)
SPECIAL = ("<pad>", "<begin>", "<end>", "<step>", "<absent>")
"""Words of the vocabulary that are no codes: behind a sequence's end, its two ends, before every window, and a category that a window
lacks."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SequenceVocabulary:
    """Numbers for tokens: every category and level has a range of its own, behind the special words.

    A run's sequence is `<begin>`, then for each of its windows `<step>` and one number a category and level, category by category, coarse to
    fine, then `<end>`. A table of whole runs has one step a run.

        vocabulary = SequenceVocabulary.of(tokens)
        sequences = vocabulary.encode(tokens)         # run → numbers
        same = vocabulary.decode(sequences)           # a table of the same codes

    Attributes:
        category_names: of the tokens.
        codebook_sizes: of each category and level.
    """

    category_names: tuple[str, ...]
    codebook_sizes: Int[Tensor, "category level"]

    @classmethod
    def of(cls, tokens: TokenTable, num_levels: int | None = None) -> "SequenceVocabulary":
        """The vocabulary of tokens like these, or of their first levels: 1 for coarse tokens alone."""
        return cls(category_names=tokens.category_names, codebook_sizes=tokens.codebook_sizes[:, :num_levels].long())

    @property
    def offsets(self) -> Int[Tensor, "category level"]:
        """The number of code 0 of each category and level."""
        sizes = self.codebook_sizes.flatten()
        return (len(SPECIAL) + sizes.cumsum(0) - sizes).view_as(self.codebook_sizes)

    @property
    def words(self) -> tuple[str, ...]:
        """Every word by its number: "temporal/0/12" is code 12 of the coarse level of temporal."""
        levels = range(self.codebook_sizes.shape[1])
        return (
            *SPECIAL,
            *(
                f"{name}/{level}/{code}"
                for name, sizes in zip(self.category_names, self.codebook_sizes.tolist(), strict=True)
                for level in levels
                for code in range(sizes[level])
            ),
        )

    def __len__(self) -> int:
        return len(SPECIAL) + int(self.codebook_sizes.sum())

    @property
    def step_length(self) -> int:
        """Numbers of one window, `<step>` included."""
        return 1 + self.codebook_sizes.numel()

    def encode(self, tokens: TokenTable) -> dict[str, Int[Tensor, " place"]]:
        """Run → its sequence; of windows in the order of time, of other tables a run a row.

        Raises:
            InputError: if the tokens are of other categories or codebooks.
        """
        levels = self.codebook_sizes.shape[1]
        sizes = tokens.codebook_sizes[:, :levels].long()
        if tokens.category_names != self.category_names or not torch.equal(sizes, self.codebook_sizes):
            raise InputError(
                f"tokens of the categories {', '.join(tokens.category_names)} with codebooks of {sizes.tolist()} are not those of this "
                f"vocabulary: {', '.join(self.category_names)} with {self.codebook_sizes.tolist()}."
            )
        codes = tokens.codes[:, :, :levels]
        numbers = torch.where(codes == MISSING, ABSENT, codes + self.offsets).flatten(1)
        steps = torch.nn.functional.pad(numbers, (1, 0), value=STEP)
        is_windows = tokens.facts.keys() >= set(FACTS)
        runs = rows_of_runs(tokens.ids) if is_windows else {name: [row] for row, name in enumerate(tokens.ids)}
        first = tokens.facts[FACTS[0]] if is_windows else range(len(tokens))
        ends = torch.tensor([BEGIN]), torch.tensor([END])
        return {
            run: torch.cat([ends[0], steps[sorted(rows, key=first.__getitem__)].flatten(), ends[1]])
            for run, rows in runs.items()
        }

    def decode(self, sequences: dict[str, Int[Tensor, " place"]]) -> TokenTable:
        """The tokens that sequences stand for: one row a step, called `<run>@<step>` where a run has several.

        What comes behind `<end>` is not looked at, so that padded and generated sequences may be given.

        Raises:
            InputError: if a sequence is not one of this vocabulary, naming it, the place and the rule.
        """
        codes, ids, groups = [torch.empty((0, *self.codebook_sizes.shape), dtype=torch.long)], [], []
        for run, sequence in sequences.items():
            steps = self._steps(run, sequence.tolist())
            codes.append(steps)
            ids += [run] if len(steps) == 1 else [f"{run}@{step}" for step in range(len(steps))]
            groups += [run] * len(steps)
        return TokenTable(
            codes=torch.cat(codes),
            category_names=self.category_names,
            codebook_sizes=self.codebook_sizes,
            ids=tuple(ids),
            groups=tuple(groups),
        )

    def _steps(self, run: str, numbers: Sequence[int]) -> Int[Tensor, "step category level"]:
        """The codes of one sequence."""
        length = self.step_length
        end = numbers.index(END) if END in numbers else -1
        body = list(numbers[1:end])
        if end < 1 or numbers[0] != BEGIN or len(body) % length:
            raise InputError(
                f"the sequence of '{run}' must be {SPECIAL[BEGIN]} ({BEGIN}), steps of {length} numbers each, and {SPECIAL[END]} ({END}); got "
                f"{len(numbers)} numbers, the first {list(numbers[:4])}, {SPECIAL[END]} {f'at {end}' if end >= 0 else 'nowhere'}."
            )
        steps = torch.tensor(body, dtype=torch.long).view(-1, length)
        offsets, sizes = self.offsets.flatten(), self.codebook_sizes.flatten()
        found = steps[:, 1:] - offsets
        absent = steps[:, 1:] == ABSENT
        wrong = torch.nn.functional.pad(~absent & ((found < 0) | (found >= sizes)), (1, 0), value=False)
        wrong[:, 0] = steps[:, 0] != STEP
        if wrong.any():
            step, place = (int(part) for part in wrong.nonzero()[0])
            words, number = self.words, int(steps[step, place])
            expected = SPECIAL[STEP] if place == 0 else f"one of {words[offsets[place - 1]].rpartition('/')[0]}"
            got = words[number] if 0 <= number < len(words) else str(number)
            raise InputError(f"number {place} of step {step} of '{run}' must be {expected}; got {got}.")
        return torch.where(absent, MISSING, found).view(-1, *self.codebook_sizes.shape)
