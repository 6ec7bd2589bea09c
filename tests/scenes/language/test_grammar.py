"""Sentences of four languages beside hand-written ones, word for word."""

from itertools import product

import pytest

from interlace.scenes.language.answers import answer_sentence
from interlace.scenes.language.captions import (
    Move,
    PlacedObject,
    picture_caption,
    scene_caption,
    sound_caption,
    video_caption,
)
from interlace.scenes.language.grammar import COLOUR_ADJECTIVES, LANGUAGES, SHAPE_NOUNS, definite, indefinite
from interlace.scenes.language.pairs import Statement, english, translation
from interlace.scenes.questions import TEMPLATES
from interlace.scenes.settings import COLOURS, SHAPES

CIRCLE, TRIANGLE, CROSS, SQUARE, STAR, DIAMOND = range(6)
RED, GREEN, BLUE, YELLOW, PURPLE, ORANGE = range(6)
LOW, MIDDLE, HIGH = range(3)
LEFT, RIGHT, UP, DOWN = range(4)


def test_every_shape_and_colour_has_words() -> None:
    assert tuple(SHAPE_NOUNS) == SHAPES
    assert tuple(COLOUR_ADJECTIVES) == COLOURS


# Article and ending by gender and case, as in Duden's tables of mixed ("ein") and weak ("der") inflection.
@pytest.mark.parametrize(
    ("shape", "colour", "case", "with_ein", "with_der"),
    [
        ("circle", "red", "nominative", "ein roter Kreis", "der rote Kreis"),
        ("circle", "red", "accusative", "einen roten Kreis", "den roten Kreis"),
        ("circle", "red", "dative", "einem roten Kreis", "dem roten Kreis"),
        ("diamond", "blue", "nominative", "eine blaue Raute", "die blaue Raute"),
        ("diamond", "blue", "accusative", "eine blaue Raute", "die blaue Raute"),
        ("diamond", "blue", "dative", "einer blauen Raute", "der blauen Raute"),
        ("square", "orange", "nominative", "ein orangefarbenes Quadrat", "das orangefarbene Quadrat"),
        ("triangle", "purple", "accusative", "ein violettes Dreieck", "das violette Dreieck"),
        ("cross", "yellow", "dative", "einem gelben Kreuz", "dem gelben Kreuz"),
        ("star", "green", "accusative", "einen grünen Stern", "den grünen Stern"),
    ],
)
def test_german_phrases(shape: str, colour: str, case, with_ein: str, with_der: str) -> None:
    noun, adjective = SHAPE_NOUNS[shape], COLOUR_ADJECTIVES[colour]
    assert indefinite("de", noun, adjective, case) == with_ein
    assert definite("de", noun, adjective, case) == with_der


@pytest.mark.parametrize(
    ("shape", "colour", "a", "the"),
    [
        ("circle", "green", "un cercle vert", "le cercle vert"),
        ("cross", "green", "une croix verte", "la croix verte"),
        ("star", "blue", "une étoile bleue", "l'étoile bleue"),
        ("star", "purple", "une étoile violette", "l'étoile violette"),
        ("diamond", "purple", "un losange violet", "le losange violet"),
        ("cross", "orange", "une croix orange", "la croix orange"),
        ("square", "yellow", "un carré jaune", "le carré jaune"),
        ("triangle", "red", "un triangle rouge", "le triangle rouge"),
    ],
)
def test_french_phrases(shape: str, colour: str, a: str, the: str) -> None:
    assert indefinite("fr", SHAPE_NOUNS[shape], COLOUR_ADJECTIVES[colour]) == a
    assert definite("fr", SHAPE_NOUNS[shape], COLOUR_ADJECTIVES[colour]) == the


def test_chinese_and_english_phrases() -> None:
    assert indefinite("zh", SHAPE_NOUNS["star"], COLOUR_ADJECTIVES["blue"]) == "一颗蓝色的星星"
    assert indefinite("zh", SHAPE_NOUNS["square"], COLOUR_ADJECTIVES["orange"]) == "一个橙色的正方形"
    assert definite("zh", SHAPE_NOUNS["cross"], None) == "十字形"
    assert indefinite("en", SHAPE_NOUNS["star"], COLOUR_ADJECTIVES["orange"]) == "an orange star"
    assert indefinite("en", SHAPE_NOUNS["star"], None) == "a star"


PICTURE = [PlacedObject(TRIANGLE, BLUE, 3), PlacedObject(CIRCLE, RED, 0)]
FOUR = [
    PlacedObject(STAR, GREEN, 1),
    PlacedObject(DIAMOND, ORANGE, 2),
    PlacedObject(CROSS, PURPLE, 3),
    PlacedObject(SQUARE, YELLOW, 0),
]


@pytest.mark.parametrize(
    ("language", "two", "four"),
    [
        (
            "en",
            "The picture shows a red circle at the top left and a blue triangle at the bottom right.",
            "The picture shows a yellow square at the top left, a green star at the top right, an orange diamond at "
            "the bottom left and a purple cross at the bottom right.",
        ),
        (
            "de",
            "Das Bild zeigt oben links einen roten Kreis und unten rechts ein blaues Dreieck.",
            "Das Bild zeigt oben links ein gelbes Quadrat, oben rechts einen grünen Stern, unten links eine "
            "orangefarbene Raute und unten rechts ein violettes Kreuz.",
        ),
        (
            "fr",
            "L'image montre un cercle rouge en haut à gauche et un triangle bleu en bas à droite.",
            "L'image montre un carré jaune en haut à gauche, une étoile verte en haut à droite, un losange orange en "
            "bas à gauche et une croix violette en bas à droite.",
        ),
        (
            "zh",
            "图中左上角有一个红色的圆形，右下角有一个蓝色的三角形。",
            "图中左上角有一个黄色的正方形，右上角有一颗绿色的星星，左下角有一个橙色的菱形，右下角有一个紫色的十字形。",
        ),
    ],
)
def test_captions_of_pictures(language, two: str, four: str) -> None:
    assert picture_caption(language, PICTURE) == two
    assert picture_caption(language, FOUR) == four


@pytest.mark.parametrize(
    ("language", "sound", "scene"),
    [
        ("en", "The star makes one low sound.", "The purple cross makes three high sounds."),
        ("de", "Der Stern macht einen tiefen Ton.", "Das violette Kreuz macht drei hohe Töne."),
        ("fr", "L'étoile émet un son grave.", "La croix violette émet trois sons aigus."),
        ("zh", "星星发出一声低音。", "紫色的十字形发出三声高音。"),
    ],
)
def test_captions_of_sounds_and_scenes(language, sound: str, scene: str) -> None:
    assert sound_caption(language, STAR, LOW, 0) == sound
    assert scene_caption(language, CROSS, PURPLE, HIGH, 2) == scene


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        (
            "en",
            "A circle moves to the left with a low sound, then a star moves up.",
            "A cross moves down, then a diamond moves to the right with a medium sound.",
        ),
        (
            "de",
            "Ein Kreis bewegt sich mit einem tiefen Ton nach links, dann bewegt sich ein Stern nach oben.",
            "Ein Kreuz bewegt sich nach unten, dann bewegt sich eine Raute mit einem mittleren Ton nach rechts.",
        ),
        (
            "fr",
            "Un cercle se déplace vers la gauche avec un son grave, puis une étoile se déplace vers le haut.",
            "Une croix se déplace vers le bas, puis un losange se déplace vers la droite avec un son moyen.",
        ),
        (
            "zh",
            "一个圆形伴着低音向左移动，然后一颗星星向上移动。",
            "一个十字形向下移动，然后一个菱形伴着中音向右移动。",
        ),
    ],
)
def test_captions_of_videos(language, first: str, second: str) -> None:
    assert video_caption(language, Move(CIRCLE, LEFT, LOW), Move(STAR, UP, None)) == first
    assert video_caption(language, Move(CROSS, DOWN, None), Move(DIAMOND, RIGHT, MIDDLE)) == second


@pytest.mark.parametrize(
    ("said", "source", "de", "fr", "zh"),
    [
        (Statement("text", CIRCLE, RED, 0, 0), "A red circle is hidden.",
         "Ein roter Kreis ist versteckt.", "Un cercle rouge est caché.", "有一个红色的圆形藏起来了。"),
        (Statement("text", STAR, ORANGE, 0, 0), "An orange star is hidden.",
         "Ein orangefarbener Stern ist versteckt.", "Une étoile orange est cachée.", "有一颗橙色的星星藏起来了。"),
        (Statement("image", CIRCLE, GREEN, 0, 0), "This one is green.",
         "Dieser ist grün.", "Celui-ci est vert.", "这个是绿色的。"),
        (Statement("image", CROSS, GREEN, 0, 0), "This one is green.",
         "Dieses ist grün.", "Celle-ci est verte.", "这个是绿色的。"),
        (Statement("image", DIAMOND, BLUE, 0, 0), "This one is blue.",
         "Diese ist blau.", "Celui-ci est bleu.", "这个是蓝色的。"),
        (Statement("audio", STAR, RED, LOW, 1), "This one makes two low sounds.",
         "Dieser macht zwei tiefe Töne.", "Celle-ci émet deux sons graves.", "这颗发出两声低音。"),
        (Statement("audio", TRIANGLE, RED, MIDDLE, 0), "This one makes one medium sound.",
         "Dieses macht einen mittleren Ton.", "Celui-ci émet un son moyen.", "这个发出一声中音。"),
        (Statement("both", SQUARE, RED, 0, 0), "The other one is silent.",
         "Das andere ist still.", "L'autre est silencieux.", "另一个没有声音。"),
        (Statement("both", STAR, RED, 0, 0), "The other one is silent.",
         "Der andere ist still.", "L'autre est silencieuse.", "另一颗没有声音。"),
        (Statement("both", DIAMOND, RED, 0, 0), "The other one is silent.",
         "Die andere ist still.", "L'autre est silencieux.", "另一个没有声音。"),
        (Statement("either", CROSS, RED, 0, 0), "Each one has a colour of its own.",
         "Jedes hat eine eigene Farbe.", "Chacune a sa propre couleur.", "每个都有自己的颜色。"),
        (Statement("either", STAR, RED, 0, 0), "Each one has a colour of its own.",
         "Jeder hat eine eigene Farbe.", "Chacune a sa propre couleur.", "每颗都有自己的颜色。"),
    ],
)  # fmt: skip
def test_translations(said: Statement, source: str, de: str, fr: str, zh: str) -> None:
    assert english(said) == source
    assert [translation(language, said) for language in ("de", "fr", "zh")] == [de, fr, zh]


def test_captions_tell_everything_apart_in_every_language() -> None:
    for language in LANGUAGES:
        scenes = [scene_caption(language, *facts) for facts in product(range(6), range(6), range(3), range(3))]
        assert len(set(scenes)) == len(scenes) == 324
        videos = [
            video_caption(language, Move(s, w, p), Move(t, v, q))
            for s, t, w, v in product(range(6), range(6), range(4), range(4))
            for p, q in [*((p, None) for p in range(3)), *((None, p) for p in range(3))]
        ]
        assert len(set(videos)) == len(videos)


@pytest.mark.parametrize(
    ("words", "answer", "sentence"),
    [
        ("a hidden {shape} is {colour} . what colour is it ?", "orange", "It is orange."),
        ("a hidden {shape} is {colour} . what shape is it ?", "star", "It is a star."),
        ("what colour is the {shape} ?", "red", "The cross is red."),
        ("what shape is the {colour} one ?", "circle", "The orange one is a circle."),
        ("what pitch is the sound ?", "low", "The pitch is low."),
        ("what shape makes the sound ?", "diamond", "A diamond makes the sound."),
        ("how many beats has the sound ?", "one", "It has one beat."),
        ("how many beats has the sound ?", "three", "It has three beats."),
        ("what colour is the one that sounds ?", "green", "The one that sounds is green."),
        ("what shape are they all ?", "cross", "They are all crosses."),
        ("what shape are they all ?", "square", "They are all squares."),
    ],
)
def test_answers_in_sentences(words: str, answer: str, sentence: str) -> None:
    template = [each.words for each in TEMPLATES].index(words)
    assert answer_sentence(template, CROSS, ORANGE, answer) == sentence
