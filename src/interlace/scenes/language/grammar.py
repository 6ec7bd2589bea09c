"""Noun phrases of four languages: articles, endings, word order.

German: articles and adjectives by gender and case, with strong endings after "ein" and weak ones after "der" (Duden,
Die Grammatik). French: adjectives follow the noun and agree in gender and number; "l'" before a vowel. Chinese: a
classifier between number and noun, colours with 色的 before the noun.
"""

from typing import Literal, NamedTuple

Language = Literal["en", "de", "fr", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "de", "fr", "zh")
Gender = Literal["m", "f", "n"]
Case = Literal["nominative", "accusative", "dative"]


class Noun(NamedTuple):
    """A noun in each language, with its gender in German and French and its classifier in Chinese."""

    en: str
    de: str
    de_gender: Gender
    fr: str
    fr_gender: Literal["m", "f"]
    zh: str
    zh_classifier: str


class Adjective(NamedTuple):
    """An adjective in each language: German stem, French masculine and feminine, Chinese attributive form."""

    en: str
    de: str
    fr_masculine: str
    fr_feminine: str
    zh: str


SHAPE_NOUNS = {
    "circle": Noun("circle", "Kreis", "m", "cercle", "m", "圆形", "个"),
    "triangle": Noun("triangle", "Dreieck", "n", "triangle", "m", "三角形", "个"),
    "cross": Noun("cross", "Kreuz", "n", "croix", "f", "十字形", "个"),
    "square": Noun("square", "Quadrat", "n", "carré", "m", "正方形", "个"),
    "star": Noun("star", "Stern", "m", "étoile", "f", "星星", "颗"),
    "diamond": Noun("diamond", "Raute", "f", "losange", "m", "菱形", "个"),
}
COLOUR_ADJECTIVES = {
    "red": Adjective("red", "rot", "rouge", "rouge", "红色的"),
    "green": Adjective("green", "grün", "vert", "verte", "绿色的"),
    "blue": Adjective("blue", "blau", "bleu", "bleue", "蓝色的"),
    "yellow": Adjective("yellow", "gelb", "jaune", "jaune", "黄色的"),
    "purple": Adjective("purple", "violett", "violet", "violette", "紫色的"),
    "orange": Adjective("orange", "orangefarben", "orange", "orange", "橙色的"),
}

INDEFINITE: dict[Case, dict[Gender, str]] = {
    "nominative": {"m": "ein", "f": "eine", "n": "ein"},
    "accusative": {"m": "einen", "f": "eine", "n": "ein"},
    "dative": {"m": "einem", "f": "einer", "n": "einem"},
}
DEFINITE: dict[Case, dict[Gender, str]] = {
    "nominative": {"m": "der", "f": "die", "n": "das"},
    "accusative": {"m": "den", "f": "die", "n": "das"},
    "dative": {"m": "dem", "f": "der", "n": "dem"},
}
AFTER_INDEFINITE: dict[Case, dict[Gender, str]] = {
    "nominative": {"m": "er", "f": "e", "n": "es"},
    "accusative": {"m": "en", "f": "e", "n": "es"},
    "dative": {"m": "en", "f": "en", "n": "en"},
}
AFTER_DEFINITE: dict[Case, dict[Gender, str]] = {
    "nominative": {"m": "e", "f": "e", "n": "e"},
    "accusative": {"m": "en", "f": "e", "n": "e"},
    "dative": {"m": "en", "f": "en", "n": "en"},
}
FRENCH_VOWELS = "aeiouéèêâœ"


def indefinite(language: Language, noun: Noun, adjective: Adjective | None, case: Case = "nominative") -> str:
    """An indefinite noun phrase: "a red circle", "einen roten Kreis", "un cercle rouge", "一个红色的圆形"."""
    if language == "en":
        words = _joined(adjective.en if adjective else "", noun.en)
        return f"{english_article(words)} {words}"
    if language == "de":
        article = INDEFINITE[case][noun.de_gender]
        return _joined(article, _german(adjective, AFTER_INDEFINITE[case][noun.de_gender]), noun.de)
    if language == "fr":
        return _joined("une" if noun.fr_gender == "f" else "un", noun.fr, french(adjective, noun.fr_gender))
    return f"一{noun.zh_classifier}{adjective.zh if adjective else ''}{noun.zh}"


def definite(language: Language, noun: Noun, adjective: Adjective | None, case: Case = "nominative") -> str:
    """A definite noun phrase: "the red circle", "den roten Kreis", "le cercle rouge", "红色的圆形" (no article)."""
    if language == "en":
        return _joined("the", adjective.en if adjective else "", noun.en)
    if language == "de":
        article = DEFINITE[case][noun.de_gender]
        return _joined(article, _german(adjective, AFTER_DEFINITE[case][noun.de_gender]), noun.de)
    if language == "fr":
        return _joined(f"{french_article(noun)}{noun.fr}", french(adjective, noun.fr_gender))
    return f"{adjective.zh if adjective else ''}{noun.zh}"


def english_article(words: str) -> str:
    """The article "a" or "an" by the first letter, which decides for all words that are used here."""
    return "an" if words[0] in "aeiou" else "a"


def french_article(noun: Noun) -> str:
    """The article "le ", "la " or "l'"."""
    if noun.fr[0].lower() in FRENCH_VOWELS:
        return "l'"
    return "la " if noun.fr_gender == "f" else "le "


def french(adjective: Adjective | None, gender: Literal["m", "f"]) -> str:
    """The singular form of an adjective for a gender; "" for None."""
    if adjective is None:
        return ""
    return adjective.fr_feminine if gender == "f" else adjective.fr_masculine


def sentence(text: str, end: str = ".") -> str:
    """A text with its first letter capitalised and `end` appended."""
    return f"{text[0].upper()}{text[1:]}{end}"


def enumeration(language: Language, parts: list[str]) -> str:
    """A list in words: "a", "a and b", "a, b and c"."""
    if language == "zh":
        return "，".join(parts)
    last = {"en": " and ", "de": " und ", "fr": " et "}[language]
    return ", ".join(parts[:-1]) + last + parts[-1] if len(parts) > 1 else parts[0]


def _german(adjective: Adjective | None, ending: str) -> str:
    return f"{adjective.de}{ending}" if adjective else ""


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
