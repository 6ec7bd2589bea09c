"""Control: a linear model on pooled inputs."""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import scipy.sparse as sparse
from pydantic import Field
from scipy.special import softmax

from interlace.data.text import UNSEPARATED
from interlace.errors import UserError
from interlace.models.ngram.storage import replacing
from interlace.models.softmax_regression import fit_softmax, fitted_parameters
from interlace.reading.arrays import read_arrays
from interlace.reading.documents import parse_json

FORMAT = 1
DENSE = 2000  # largest number of n-grams for which features are a dense matrix
TOKEN = r"\w+|[^\w\s]"  # words and punctuation marks
# In scripts without spaces between words each character is a token; all other text has the same tokens as above.
CHARACTER_TOKEN = rf"[{UNSEPARATED}]|[^\W{UNSEPARATED}]+|[^\w\s]"


class LinearInputs(NamedTuple):
    """Inputs of N examples: texts by modality, N each, and the other modalities as vectors (N, D)."""

    texts: Mapping[str, Sequence[str]]
    vectors: np.ndarray


class LinearModel:
    """softmax(W x + b) for classes, w x + b for numbers, by scikit-learn, on fixed features x of all modalities.

    x is the concatenation of the TF-IDF of each text's n-grams (`ngram_range`, in at least `min_df` training texts) and
    the pooled vectors of the other modalities (`interlace.encoders.pooled`), each column standardised to mean 0 and
    standard deviation 1 over the training split. W and b minimise C x the summed loss + |W|^2 / 2 (negative log
    likelihood with L-BFGS; half the squared error in closed form), for each C in turn; the C with the best score on
    held-out examples is kept.
    The gain of a fusion strategy over this model is the gain from nonlinear processing and interactions.
    """

    def __init__(
        self,
        *,
        ngram_range: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)],
        min_df: Annotated[int, Field(ge=1)],
        image_size: Annotated[int, Field(ge=1)],
        C: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)],
        max_iterations: Annotated[int, Field(ge=1)],
        tolerance: Annotated[float, Field(gt=0)],
    ) -> None:
        if ngram_range[0] > ngram_range[1]:
            raise UserError(f"model.ngram_range: got {ngram_range}; expected the fewest words first, then the most")
        self.options: dict[str, Any] = {
            "ngram_range": list(ngram_range), "min_df": min_df, "image_size": image_size, "C": list(C),
            "max_iterations": max_iterations, "tolerance": tolerance,
        }  # fmt: skip
        self.weights = np.empty((0, 0))
        self.bias = np.empty(0)
        self.center = np.empty(0)
        self.scale = np.empty(0)
        self.classifies = True
        self.chosen: dict[str, Any] = {}
        self.characters = True  # CHARACTER_TOKEN instead of TOKEN; false in models saved by older code
        self._vectorizers: dict[str, Any] = {}

    def fit(
        self,
        inputs: LinearInputs,
        labels: np.ndarray,
        *,
        num_classes: int | None,
        held_out: LinearInputs,
        score: Callable[[float, np.ndarray], float],
    ) -> None:
        """Fit on class ids (N,), or on numbers if `num_classes` is None, once for each C, and keep the best.

        `score` is called with C and the predictions for the held-out examples; higher is better, and of equal scores
        the smallest C is kept. `chosen` then holds C and whether the solver converged. Raises UserError when all labels
        are the same class.
        """
        self.classifies = num_classes is not None
        if self.classifies and len(np.unique(labels)) < 2:
            raise UserError("model: all training examples have the same class; a classifier needs at least two")
        self.center, self.scale = inputs.vectors.mean(0, dtype=np.float64), inputs.vectors.std(0, dtype=np.float64)
        self.scale[self.scale < 1e-9] = 1.0
        self._vectorizers = {name: self._fit_vectorizer(texts) for name, texts in inputs.texts.items()}
        features, held_out_features = self._features(inputs), self._features(held_out)
        best = -np.inf
        for C in sorted(self.options["C"]):
            weights, bias, converged = self._fit_one(C, features, labels, num_classes)
            value = score(C, self._predict(held_out_features, weights, bias))
            if value > best or not self.chosen:
                best, self.weights, self.bias = value, weights, bias
                self.chosen = {"C": C, "converged": converged}

    def _fit_one(
        self, C: float, features: Any, labels: np.ndarray, num_classes: int | None
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        limit, tolerance = self.options["max_iterations"], self.options["tolerance"]
        if num_classes is not None:
            return fit_softmax(
                features, labels, num_classes=num_classes, C=C, max_iterations=limit, tolerance=tolerance
            )
        from sklearn.linear_model import Ridge

        regression = Ridge(alpha=1 / C, max_iter=limit, tol=tolerance).fit(features, labels)
        return regression.coef_.reshape(1, -1), np.atleast_1d(regression.intercept_), True

    @property
    def num_parameters(self) -> int:
        """Number of fitted weights and biases; two classes have one row."""
        return fitted_parameters(self.weights, self.bias)

    def flops(self, inputs: LinearInputs) -> int:
        """Mean floating point operations of the linear layer for one example: 2 x outputs x nonzero features."""
        features = self._features(inputs)
        count = np.count_nonzero(features) if isinstance(features, np.ndarray) else features.nnz
        return round(2 * len(self.bias) * count / max(1, features.shape[0]))

    def predict(self, inputs: LinearInputs) -> np.ndarray:
        """Return p(class | x), (N, num_classes) float64, or values (N,)."""
        return self._predict(self._features(inputs), self.weights, self.bias)

    def _predict(self, features: Any, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
        outputs = np.asarray(features @ weights.T) + bias  # (N, outputs)
        return np.asarray(softmax(outputs, axis=1)) if self.classifies else outputs[:, 0]

    def _features(self, inputs: LinearInputs) -> Any:
        dense = (inputs.vectors - self.center) / self.scale if len(inputs.vectors) else inputs.vectors.astype(float)
        if not self._vectorizers:
            return dense
        counts = [vectorizer.transform(inputs.texts[name]) for name, vectorizer in self._vectorizers.items()]
        if not dense.shape[1]:
            return sparse.hstack(counts).tocsr()
        if sum(matrix.shape[1] for matrix in counts) <= DENSE:  # BLAS is many times faster than a sparse product
            return np.hstack([*(matrix.toarray() for matrix in counts), dense])
        return sparse.hstack([*counts, sparse.csr_matrix(dense)]).tocsr()

    def _fit_vectorizer(self, texts: Sequence[str]) -> Any:
        try:
            return self._new_vectorizer(None).fit(texts)
        except ValueError as error:
            raise UserError(
                f"model.min_df: no n-gram of the training texts is left ({error}); lower it, or choose other modalities"
            ) from None

    def _new_vectorizer(self, ngrams: Sequence[str] | None) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        token = CHARACTER_TOKEN if self.characters else TOKEN
        low, high = self.options["ngram_range"]
        return TfidfVectorizer(
            ngram_range=(low, high), min_df=self.options["min_df"], token_pattern=token, vocabulary=ngrams
        )

    def save(self, path: Path) -> None:
        """Write one .npz of plain arrays: weights, bias, centre, scale, idf by text, options and n-grams as JSON."""
        plain = {
            "format": FORMAT, "options": self.options, "chosen": self.chosen, "classifies": self.classifies,
            "characters": self.characters,
            "ngrams": {name: v.get_feature_names_out().tolist() for name, v in self._vectorizers.items()},
        }  # fmt: skip
        arrays = {f"idf/{name}": vectorizer.idf_ for name, vectorizer in self._vectorizers.items()}
        arrays |= {name: getattr(self, name) for name in ("weights", "bias", "center", "scale")}
        about = np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8)
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, about=about, **arrays)

    @staticmethod
    def load(path: Path) -> "LinearModel":
        """Load a model that `save` wrote. Raises UserError when the file is missing or damaged."""
        try:
            arrays = read_arrays(path)
            plain = parse_json(arrays["about"].tobytes().decode("utf-8"), path)
            if plain["format"] != FORMAT:
                raise UserError(f"{path}: format {plain['format']!r}, expected {FORMAT}; train the run again")
            model = LinearModel(**plain["options"])
            model.chosen, model.classifies = plain["chosen"], plain["classifies"]
            model.characters = plain.get("characters", False)
            for name in ("weights", "bias", "center", "scale"):
                setattr(model, name, arrays[name])
            for name, ngrams in plain["ngrams"].items():
                model._vectorizers[name] = model._new_vectorizer(ngrams)
                model._vectorizers[name].idf_ = arrays[f"idf/{name}"]
        except FileNotFoundError:
            raise UserError(f"{path}: not found; expected the model that a linear run saved") from None
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise UserError(f"{path}: damaged or incomplete linear model ({error}); train the run again") from None
        return model
