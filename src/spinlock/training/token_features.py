"""Tokens as numbers for scikit-learn: one column a token, or the vectors that tokens stand for."""

from typing import cast

import numpy as np
from jaxtyping import Shaped
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone

from spinlock.core.errors import ConfigError, InputError, NotFittedError, did_you_mean
from spinlock.core.shown import ShownInShort
from spinlock.core.tokens import TokenTable
from spinlock.training.estimator import Table, Tokenizer

OUTPUTS = ("one_hot", "codes", "embedding", "decoded")


class TokenFeatures(ShownInShort, TransformerMixin, BaseEstimator):
    """A step of a scikit-learn pipeline that puts a sample's tokens in the place of its columns.

        pipeline = make_pipeline(TokenFeatures(Tokenizer(levels=[(16, 16)])), LogisticRegression())
        pipeline.fit(values, labels)

    An absent category is 0 in every column of "one_hot", "embedding" and "decoded", and -1 in "codes".

    Args:
        tokenizer: is cloned and fitted with the step; the defaults of `Tokenizer` when not given.
        output: "one_hot": one column a token, 1 where a sample has it; "codes": the token numbers; "embedding": the vector that
            a category's tokens stand for; "decoded": standardised columns.
        num_levels: use the first levels only; all when not given. Not for "embedding", which has all levels in it.
        sparse_output: whether "one_hot" is a sparse matrix.
        prefit: use `tokenizer` as it is, fitted already.
    """

    def __init__(
        self,
        tokenizer: Tokenizer | None = None,
        *,
        output: str = "one_hot",
        num_levels: int | None = None,
        sparse_output: bool = True,
        prefit: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self.output = output
        self.num_levels = num_levels
        self.sparse_output = sparse_output
        self.prefit = prefit

    def fit(self, X: Table, y: object = None) -> "TokenFeatures":  # noqa: N803 scikit-learn's name
        """Fit the tokenizer, unless it is fitted already.

        Raises:
            ConfigError: if `output` is unknown.
            InputError: if `num_levels` is out of range.
            NotFittedError: if the tokenizer is to be used as it is and was never fitted.
        """
        del y
        if self.output not in OUTPUTS:
            raise ConfigError(f"unknown output '{self.output}'. {did_you_mean(self.output, OUTPUTS)}")
        tokenizer = Tokenizer() if self.tokenizer is None else self.tokenizer
        if self.prefit and not tokenizer.__sklearn_is_fitted__():
            raise NotFittedError("`prefit` needs a fitted tokenizer: call its `fit`, or leave `prefit` out.")
        fitted = tokenizer if self.prefit else cast(Tokenizer, clone(tokenizer)).fit(X)
        most = fitted.tokenizer_.codebook_sizes.shape[1]
        if self.num_levels is not None and (self.output == "embedding" or not 1 <= self.num_levels <= most):
            raise InputError(
                f"`num_levels` must be between 1 and {most}, and is not for the output 'embedding'; got {self.num_levels} for "
                f"'{self.output}'."
            )
        self.tokenizer_ = fitted
        return self

    def transform(self, X: Table) -> Shaped[np.ndarray, "sample column"] | sparse.csr_array:  # noqa: N803
        """The numbers of each sample; float32, "codes" int64.

        Raises:
            NotFittedError: before `fit`.
        """
        tokens = self._fitted().encode(X)
        if self.output == "one_hot":
            found = one_hot(tokens, num_levels=self.num_levels)
            return found if self.sparse_output else found.toarray()
        if self.output == "codes":
            return tokens.codes[:, :, : self.num_levels].flatten(1).numpy()
        fitted = self._fitted().tokenizer_
        if self.output == "embedding":
            return fitted.token_vectors(tokens).flatten(1).numpy()
        return np.nan_to_num(fitted.decode_normalized(tokens, num_levels=self.num_levels).numpy(), nan=0.0)

    def __sklearn_clone__(self) -> "TokenFeatures":
        """As cross-validation copies it: not fitted, but with the same tokenizer where that is used as it is."""
        if self.prefit:
            return TokenFeatures(**self.get_params(deep=False))
        return cast(TokenFeatures, super().__sklearn_clone__())

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the columns: `<category>__level<l>__token<k>`, `<category>__level<l>`, `<category>__<i>`, or the features."""
        del input_features
        fitted = self._fitted().tokenizer_
        names, sizes = fitted.category_map.categories, fitted.codebook_sizes[:, : self.num_levels].tolist()
        if self.output == "decoded":
            found = list(fitted.registry.names)
        elif self.output == "embedding":
            width = fitted.coder.embed(fitted.codebook_sizes[None] - 1).shape[2]
            found = [f"{name}__{i}" for name in names for i in range(width)]
        else:
            found = [
                f"{name}__level{level}" for name, row in zip(names, sizes, strict=True) for level in range(len(row))
            ]
            if self.output == "one_hot":
                flat = [size for row in sizes for size in row]
                found = [f"{name}__token{k}" for name, size in zip(found, flat, strict=True) for k in range(size)]
        return np.array(found, dtype=object)

    def _facts(self) -> dict[str, object]:
        return {**self.get_params(deep=False), "fitted": self.__sklearn_is_fitted__()}

    def __sklearn_is_fitted__(self) -> bool:
        return "tokenizer_" in vars(self)

    def _fitted(self) -> Tokenizer:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError("this TokenFeatures is not fitted yet: call `fit` first.")
        return self.tokenizer_


def one_hot(tokens: TokenTable, *, num_levels: int | None = None) -> sparse.csr_array:
    """1 where a sample has a token, 0 elsewhere; columns category by category, level by level, token by token."""
    sizes = tokens.codebook_sizes[:, :num_levels].flatten().numpy()
    codes = tokens.codes[:, :, :num_levels].flatten(1).numpy()
    firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    row, place = np.nonzero(codes >= 0)
    ones = np.ones(len(row), dtype=np.float32)
    return sparse.csr_array((ones, (row, codes[row, place] + firsts[place])), shape=(len(codes), int(sizes.sum())))
