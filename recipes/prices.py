"""Makes data/prices.json from an installed `genai-prices` (PyPI, MIT). Downloads nothing itself.

    python3 -m venv /tmp/prices && /tmp/prices/bin/pip install genai-prices==0.2.3
    /tmp/prices/bin/python recipes/prices.py --date 2026-11-22

The output depends only on the package's version and the date: dated prices are the ones in
force on that date. Prices are integer pico-dollars per token. Names that a model goes by become
exact names and globs, in which `*` is any run of characters and `#` is one digit; an expression
that can not be turned into those stops the recipe.
"""

import argparse
import datetime
import importlib.metadata
import json
import pathlib
import re
from decimal import Decimal

from genai_prices import types
from genai_prices.data import providers

PROVIDERS = ("openai", "anthropic", "google", "openrouter")
SOURCE = "genai-prices, a package of PyPI"
FIELDS = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok")
PICO_PER_DOLLAR_OF_MTOK = 10**6
NOT_SPEECH = r"^(?!.*-[tT][tT][sS](?:$|-))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", type=datetime.date.fromisoformat, required=True)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--output", type=pathlib.Path, default=root / "data" / "prices.json")
    asked = parser.parse_args()

    found = {provider.id: provider for provider in providers if provider.id in PROVIDERS}
    lines = [
        "{",
        f'"source":{json.dumps(SOURCE)},',
        f'"version":{json.dumps(importlib.metadata.version("genai-prices"))},',
        f'"date":{json.dumps(asked.date.isoformat())},',
        '"unit":"pico-dollars per token: input, cached, cache write, output",',
        f'"licence":{json.dumps(licence())},',
        '"providers":{',
    ]
    for at, name in enumerate(PROVIDERS):
        entries = [entry(model, asked.date) for model in found[name].models]
        check(name, entries, found[name])
        body = ",\n".join(json.dumps(each, separators=(",", ":")) for each in entries)
        comma = "," if at + 1 < len(PROVIDERS) else ""
        lines.append(f"{json.dumps(name)}:[\n{body}\n]{comma}")
    lines.append("}}")
    asked.output.parent.mkdir(exist_ok=True)
    asked.output.write_text("\n".join(lines) + "\n", encoding="ascii")


def licence() -> str:
    """The notice that the licence asks to keep with the data."""
    files = importlib.metadata.files("genai-prices") or []
    text = next(file for file in files if file.name == "LICENSE").read_text()
    return " ".join(text.split())


def entry(model, date: datetime.date) -> dict:
    """One model: id, further exact names, globs, globs that do not count, context, prices."""
    exact, globs, excluded = [], [], []
    names(model.match, exact, globs, excluded)
    made = {"id": model.id.lower()}
    further = sorted({name for name in exact if name != made["id"]})
    if further:
        made["names"] = further
    if globs:
        made["globs"] = list(dict.fromkeys(globs))
    if excluded:
        made["except"] = list(dict.fromkeys(excluded))
    if model.context_window:
        made["context"] = model.context_window
    prices = in_force(model.prices, date)
    set_prices = {key: value for key, value in vars(prices).items() if value is not None}
    kinds = [kind for kind in ("image", "audio", "video") if any(f"_{kind}" in key for key in set_prices)]
    if kinds:
        made["modalities"] = kinds
    base = rates(set_prices, 0, model.id)
    if base:
        made["price"] = base
        starts = sorted({tier.start for value in set_prices.values() if tiered(value) for tier in value.tiers})
        if starts:
            made["tiers"] = [[start, *rates(set_prices, start + 1, model.id)] for start in starts]
    return made


def names(clause, exact: list, globs: list, excluded: list) -> None:
    match clause:
        case types.ClauseEquals():
            exact.append(clause.equals.lower())
        case types.ClauseStartsWith():
            globs.append(plain(clause.starts_with) + "*")
        case types.ClauseEndsWith():
            globs.append("*" + plain(clause.ends_with))
        case types.ClauseContains():
            globs.append("*" + plain(clause.contains) + "*")
        case types.ClauseRegex():
            globs.extend(from_regex(clause.regex))
        case types.ClauseOr():
            for part in clause.or_:
                names(part, exact, globs, excluded)
        case types.ClauseAnd(and_=[first, types.ClauseRegex(regex=regex)]) if regex == NOT_SPEECH:
            names(first, exact, globs, excluded)
            excluded.extend(["*-tts", "*-tts-*"])
        case types.ClauseAnd():
            parts = [part.contains for part in clause.and_]
            globs.extend(f"*{plain(a)}*{plain(b)}*" for a, b in (parts, reversed(parts)))
        case _:
            raise SystemExit(f"unknown clause {clause!r}")


def plain(text: str) -> str:
    if set(text) & set("*#"):
        raise SystemExit(f"{text!r} has a character that globs use")
    return text.lower()


def from_regex(regex: str) -> list[str]:
    """`^name-\\d{8}$` and the like as globs."""
    pattern = regex.removeprefix("^")
    is_open = not pattern.endswith("$")
    pattern = re.sub(r"\\d\{(\d+)\}", lambda found: "#" * int(found[1]), pattern.removesuffix("$"))
    pattern = pattern.replace(r"\d", "#").replace(r"\.", ".")
    choices = [pattern.replace("[-@]", sign) for sign in "-@"] if "[-@]" in pattern else [pattern]
    for choice in choices:
        if not regex.startswith("^") or re.search(r"[^a-z0-9./#@~-]", choice):
            raise SystemExit(f"can not turn {regex!r} into a glob")
    return [choice + "*" if is_open else choice for choice in choices]


def in_force(prices, date: datetime.date):
    """The prices on `date`: of those that had begun, the one that began last."""
    if not isinstance(prices, list):
        return prices
    begun = []
    for each in prices:
        match each.constraint:
            case None:
                begun.append((datetime.date.min, each.prices))
            case types.StartDateConstraint(start_date=start):
                if start <= date:
                    begun.append((start, each.prices))
            case other:
                raise SystemExit(f"unknown constraint {other!r}")
    return max(begun, key=lambda each: each[0])[1]


def tiered(value) -> bool:
    return isinstance(value, types.TieredPrices)


def rates(prices: dict, tokens: int, model: str) -> list[int] | None:
    """Input, cached, cache write and output for a request of `tokens`; None when not known."""
    if not prices:
        # Free only where the name says so; elsewhere an empty list of prices is ignorance.
        return [0, 0, 0, 0] if model.endswith(":free") else None
    if "input_mtok" not in prices:
        return None
    if "output_mtok" not in prices and "embedding" not in model:
        return None
    plain_input = pico(prices["input_mtok"], tokens)
    cached, cache_write = (
        pico(prices[key], tokens) if key in prices else plain_input for key in FIELDS[1:3]
    )
    output = pico(prices["output_mtok"], tokens) if "output_mtok" in prices else 0
    return [plain_input, cached, cache_write, output]


def pico(value, tokens: int) -> int:
    if tiered(value):
        passed = [tier for tier in value.tiers if tokens > tier.start]
        value = max(passed, key=lambda tier: tier.start).price if passed else value.base
    exact = Decimal(value) * PICO_PER_DOLLAR_OF_MTOK
    if exact < 0:
        raise SystemExit(f"a price below zero: {value}")
    return int(exact.to_integral_value(rounding="ROUND_CEILING"))


def check(name: str, entries: list[dict], provider) -> None:
    """Every exact name must lead where the package's own search leads; names are claimed once."""
    claimed: dict[str, str] = {}
    for each in entries:
        for called in [each["id"], *each.get("names", [])]:
            if claimed.setdefault(called, each["id"]) != each["id"]:
                raise SystemExit(f"{name}: {called} is claimed by {claimed[called]} and {each['id']}")
            theirs = provider.find_model(called)
            if theirs is None or theirs.id.lower() != each["id"]:
                print(f"{name}: {called} is {each['id']} here and {theirs and theirs.id} there")


if __name__ == "__main__":
    main()
