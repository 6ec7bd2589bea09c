"""Bag of n-grams with logistic regression: the classical baseline of text classification."""

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from scipy.special import softmax

from interlace.errors import UserError
from interlace.models.ngram.storage import replacing
from interlace.models.softmax_regression import fit_softmax, fitted_parameters
from interlace.reading.arrays import read_arrays
from interlace.reading.documents import parse_json

FORMAT = 1


class BagOfWords:
    """p(class | text) = softmax(W x + b), x (V,) the counts of the text's n-grams, by scikit-learn.

    The features are counts of the n-grams of `ngram_range` (fewest and most words) that occur in at least `min_df`
    training texts; `binary` makes them 0 or 1, `tfidf` weights them by inverse document frequency and scales each text
    to unit length. A word is a match of `token_pattern`. W and b minimise C x the summed negative log likelihood +
    |W|^2 / 2 with L-BFGS, for each C in turn; the C with the best score on held-out texts is kept. n-grams that were
    not seen in training are ignored.
    """

    def __init__(
        self,
        *,
        ngram_range: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)],
        min_df: Annotated[int, Field(ge=1)],
        binary: bool,
        tfidf: bool,
        lowercase: bool,
        token_pattern: str,
        C: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)],
        max_iterations: Annotated[int, Field(ge=1)],
        tolerance: Annotated[float, Field(gt=0)],
    ) -> None:
        if ngram_range[0] > ngram_range[1]:
            raise UserError(f"model.ngram_range: got {ngram_range}; expected the fewest words first, then the most")
        self.options: dict[str, Any] = {
            "ngram_range": list(ngram_range), "min_df": min_df, "binary": binary, "tfidf": tfidf,
            "lowercase": lowercase, "token_pattern": token_pattern, "C": list(C), "max_iterations": max_iterations,
            "tolerance": tolerance,
        }  # fmt: skip
        self.weights = np.empty((0, 0))
        self.bias = np.empty(0)
        self.chosen: dict[str, Any] = {}
        self._vectorizer: Any = None

    def fit(
        self,
        texts: Sequence[str],
        labels: np.ndarray,
        *,
        num_classes: int | None,
        held_out: Sequence[str],
        score: Callable[[float, np.ndarray], float],
    ) -> None:
        """Fit on texts with class ids (N,), once for each C, and keep the model with the highest score.

        `score` is called with C and the probabilities (M, num_classes) of the held-out texts; of equal scores the
        smallest C is kept. `chosen` then holds C and whether the solver converged. Raises UserError when no n-gram is
        left or all training texts have the same class.
        """
        if num_classes is None:
            raise UserError("model: a bag of words predicts classes, but the labels are numbers; choose another model")
        if len(np.unique(labels)) < 2:
            raise UserError("model: all training texts have the same class; a classifier needs at least two")
        self._vectorizer = self._new_vectorizer()
        try:
            features = self._vectorizer.fit_transform(texts)
        except ValueError as error:
            raise UserError(
                f"model.min_df, model.token_pattern: no n-gram of the training texts is left ({error}); lower min_df"
            ) from None
        held_out_features = self._vectorizer.transform(held_out)
        best = -np.inf
        for C in sorted(self.options["C"]):
            limit, tolerance = self.options["max_iterations"], self.options["tolerance"]
            weights, bias, converged = fit_softmax(
                features, labels, num_classes=num_classes, C=C, max_iterations=limit, tolerance=tolerance
            )
            value = score(C, softmax(held_out_features @ weights.T + bias, axis=1))
            if value > best:
                best, self.weights, self.bias = value, weights, bias
                self.chosen = {"C": C, "converged": converged}

    @property
    def num_parameters(self) -> int:
        """Number of fitted weights and biases; two classes have one row."""
        return fitted_parameters(self.weights, self.bias)

    def flops(self, texts: Sequence[str]) -> int:
        """Mean floating point operations of the linear layer for one of these texts: 2 x classes x n-grams."""
        return round(2 * len(self.bias) * self._fitted().transform(texts).nnz / max(1, len(texts)))

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return p(class | text), (N, num_classes) float64."""
        if not texts:
            return np.empty((0, len(self.bias)))
        probabilities: np.ndarray = softmax(self._fitted().transform(texts) @ self.weights.T + self.bias, axis=1)
        return probabilities

    def save(self, path: Path) -> None:
        """Write one .npz of plain arrays: weights, bias, idf, and the options and n-grams as JSON."""
        vectorizer = self._fitted()
        plain = {
            "format": FORMAT, "options": self.options, "chosen": self.chosen,
            "ngrams": vectorizer.get_feature_names_out().tolist(),
        }  # fmt: skip
        idf = vectorizer.idf_ if self.options["tfidf"] else np.empty(0)
        about = np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8)
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, weights=self.weights, bias=self.bias, idf=idf, about=about)

    @staticmethod
    def load(path: Path) -> "BagOfWords":
        """Load a model that `save` wrote. Raises UserError when the file is missing or damaged."""
        try:
            arrays = read_arrays(path, ("weights", "bias", "idf", "about"))
            plain = parse_json(arrays["about"].tobytes().decode("utf-8"), path)
            if plain["format"] != FORMAT:
                raise UserError(f"{path}: format {plain['format']!r}, expected {FORMAT}; train the run again")
            model = BagOfWords(**plain["options"])
            model.weights, model.bias, model.chosen = arrays["weights"], arrays["bias"], plain["chosen"]
            model._vectorizer = model._new_vectorizer(plain["ngrams"])
            if model.options["tfidf"]:
                model._vectorizer.idf_ = arrays["idf"]
        except FileNotFoundError:
            raise UserError(f"{path}: not found; expected the model that a bag-of-words run saved") from None
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{path}: damaged or incomplete bag-of-words model ({error}); train the run again"
            ) from None
        return model

    def _fitted(self) -> Any:
        if self._vectorizer is None:
            raise UserError("model: this bag of words is not fitted; call fit or load first")
        return self._vectorizer

    def _new_vectorizer(self, ngrams: Sequence[str] | None = None) -> Any:
        """Return a vectorizer of scikit-learn; `ngrams`, if given, are the vocabulary in column order."""
        from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

        kind = TfidfVectorizer if self.options["tfidf"] else CountVectorizer
        names = ("min_df", "binary", "lowercase", "token_pattern")
        chosen = {name: self.options[name] for name in names}
        return kind(ngram_range=tuple(self.options["ngram_range"]), vocabulary=ngrams, **chosen)
