"""Options of generation, checked on construction."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import Field

from interlace.configuration.checking import check_value
from interlace.errors import UserError

Ids = tuple[Annotated[int, Field(ge=0)], ...]
NonEmptyIds = Annotated[Ids, Field(min_length=1)]
NonEmptyText = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """Options of `generate`: greedy decoding by default, `sample` for sampling, `num_beams` > 1 for beam search.

    Lengths
        max_new_tokens, min_new_tokens: of the continuation; before the minimum neither the end token nor a stop
            sequence ends it.
        window: behaviour when prompt and continuation fill the model's context. "stop" ends with the reason
            "length"; "slide" continues, each token conditioned on the last `max_length` tokens (as nanoGPT crops; every
            such token costs a full forward pass, since absolute positions shift).
        truncate_prompt: true: a prompt too long for the context loses its beginning; false: it is an error.
    Sampling (Holtzman et al. 2020 for top_p; Nguyen et al. 2024 for min_p), applied in the order temperature,
    top_k, top_p, min_p
        temperature: divides the logits. top_k: keeps the k most probable tokens. top_p: keeps the smallest set of most
            probable tokens with at least this mass. min_p: keeps tokens with at least this fraction of the highest
            probability.
    Against repetition, before the above
        repetition_penalty (Keskar et al. 2019, section 4.1): logits of tokens already in prompt or continuation
            are divided by it when positive, multiplied when negative; 1: no penalty.
        no_repeat_ngram_size: no n-gram of this size occurs twice, prompt included.
        suppress_tokens: ids that are never generated, such as rows of a padded vocabulary.
    Beam search (deterministic; as `generate` of the transformers library)
        length_penalty: finished hypotheses are ranked by log p / length^penalty.
        early_stopping: True stops when num_beams hypotheses are finished; False when the best running one, at its
            present length, cannot beat the worst of them; "never" compares at the full length that the running one
            could still reach (with a positive length_penalty).
    Ends
        stop_sequences: token sequences that end the continuation and are removed from it.
        stop_texts: texts that end the continuation and are removed from its text (its tokens are kept whole); they need
            a tokenizer.

    Raises UserError for a value out of range or a combination in which an option would have no effect.
    """

    max_new_tokens: Annotated[int, Field(ge=1)] = 64
    min_new_tokens: Annotated[int, Field(ge=0)] = 0
    sample: bool = False
    temperature: Annotated[float, Field(gt=0.0)] = 1.0
    top_k: Annotated[int, Field(ge=1)] | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    min_p: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0.0)] = 1.0
    no_repeat_ngram_size: Annotated[int, Field(ge=1)] | None = None
    suppress_tokens: Ids = ()
    num_beams: Annotated[int, Field(ge=1)] = 1
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False
    num_return_sequences: Annotated[int, Field(ge=1)] = 1
    use_cache: bool = True
    window: Literal["stop", "slide"] = "stop"
    truncate_prompt: bool = False
    stop_sequences: tuple[NonEmptyIds, ...] = ()
    stop_texts: tuple[NonEmptyText, ...] = ()

    def __post_init__(self) -> None:
        types = _types()
        for field in fields(self):
            check_value(f"generation.{field.name}", getattr(self, field.name), types[field.name])
        # YAML gives lists; tuples make the options hashable and comparable with slices of tuples.
        object.__setattr__(self, "suppress_tokens", tuple(self.suppress_tokens))
        object.__setattr__(self, "stop_sequences", tuple(tuple(stop) for stop in self.stop_sequences))
        object.__setattr__(self, "stop_texts", tuple(self.stop_texts))
        if self.min_new_tokens > self.max_new_tokens:
            raise UserError(
                f"generation.min_new_tokens: {self.min_new_tokens} is more than "
                f"max_new_tokens={self.max_new_tokens}; lower one or raise the other"
            )
        self._refuse_ignored()

    def _refuse_ignored(self) -> None:
        """Raise UserError for an option that would have no effect, since it is a mistake of the caller."""
        if self.sample and self.num_beams > 1:
            raise UserError("generation: beam search is deterministic; choose num_beams=1 or sample=false")
        if not self.sample:
            for name, off in (("temperature", 1.0), ("top_k", None), ("top_p", None), ("min_p", None)):
                if getattr(self, name) != off:
                    raise UserError(
                        f"generation.{name}: {getattr(self, name)} has no effect without sampling; "
                        f"set sample=true or leave {name} out"
                    )
        if self.num_beams == 1 and (self.length_penalty != 1.0 or self.early_stopping is not False):
            raise UserError(
                "generation: length_penalty and early_stopping rank the hypotheses of beam search; "
                "set num_beams above 1 or leave them out"
            )
        if not self.sample and self.num_return_sequences > self.num_beams:
            raise UserError(
                f"generation.num_return_sequences: {self.num_return_sequences} different continuations need sampling "
                f"or as many beams; set sample=true or num_beams={self.num_return_sequences}"
            )


@cache
def _types() -> dict[str, Any]:
    return get_type_hints(GenerationOptions, include_extras=True)
