"""Sets whose environments were recorded: `RealSet.env` says where each row comes from.

Nothing is planted: what the environments change is what they changed (on wages and breast,
nothing). Each reader gives all rows; `sets` draws from them.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageFont
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from data.fetch import deb_files, fetch
from data.glyphs import drawn, framed, letters_drawn, printed_digits, shape_measures
from data.pairs import written_digits
from data.real_set import RealSet, copies, text_numbers
from data.tables import rdata
from skbetafd import MultiModalArray
from skbetafd.datasets import load_multiple_features

PICTURE = PCA(50, random_state=0)
GAPS = SimpleImputer(strategy="median")
KINDS = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.02, sparse_output=False)


def _set(
    X: Mapping[str, Any], y: Any, env: Any, per: Mapping[str, Any], groups: Any = None
) -> RealSet:
    """Make a set of texts (Series), pictures and tables; the predominant modality comes first."""
    columns = {n: x.to_frame() if isinstance(x, pd.Series) else x for n, x in X.items()}
    modalities = MultiModalArray(columns)
    groups = copies(modalities) if groups is None else _joined(groups, copies(modalities))
    y = np.array([*y])
    return RealSet(modalities, y, groups, next(iter(X)), per, np.array([*env], dtype=str))


def _joined(groups: Any, others: np.ndarray) -> np.ndarray:
    """Give one number to rows that one of two groupings, or a chain of them, brings together."""
    kinds = [np.unique(grouping, return_inverse=True)[1] for grouping in (groups, others)]
    a, b = kinds[0], kinds[1] + kinds[0].max() + 1
    together = sparse.coo_array((np.ones(len(a)), (a, b)), shape=(b.max() + 1,) * 2)
    return connected_components(together, directed=False)[1][a]


LEFT_OUT = {
    "ri": r"-fill$",
    "mdi": r"-(outline|off|remove|plus|minus|check|alert|cancel|edit|lock|multiple|box|circle"
    r"|variant)\b",
    "fa6-solid": r"$^",
    "iconoir": r"-solid$",
    "solar": r"-(bold|outline|broken|line-duotone|bold-duotone)$",
    "uil": r"$^",
    "streamline": r"-(solid|remix)$",
}
"""Vendors, and which variants of an icon are left out."""
SUFFIX = {"ri": r"-line$", "solar": r"-linear$"}


@cache
def icons() -> RealSet:
    """Return name, drawing and path statistics of 5528 icons of 7 vendors, 14 categories.

    The categories are the vendors' own, brought to common ones. Needs resvg-py, which draws.
    """
    columns = ["vendor", "name", "category", "picture", "path"]
    table = pd.DataFrame([row for v in LEFT_OUT for row in _vendor(v)], columns=columns)
    X = {
        "name": table["name"],
        "picture": np.stack([*table["picture"]]),
        "path": np.array([*table["path"]]),
    }
    per = {"name": text_numbers(), "picture": PICTURE}
    return _set(X, table["category"], table["vendor"], per)


def _vendor(vendor: str) -> Iterator[tuple[str, str, str, np.ndarray, list[float]]]:
    """Yield the icons of one vendor that have one category, each drawing once."""
    common = json.loads(Path(__file__).with_name("icon_categories.json").read_text())
    with tarfile.open(fetch(f"iconify-{vendor}")) as package:
        stored, about = (
            json.load(package.extractfile(f"package/{file}.json")) for file in ("icons", "metadata")
        )
    labels: dict[str, set[str]] = {}
    for category, own in common.items():
        for name in (name for c in own.get(vendor, ()) for name in about["categories"][c]):
            labels.setdefault(name, set()).add(category)
    seen = set()
    for name, categories in labels.items():
        icon = stored["icons"].get(name, {"hidden": True})
        if len(categories) > 1 or re.search(LEFT_OUT[vendor], name) or icon.get("hidden"):
            continue
        body = icon["body"]
        if body not in seen:
            seen.add(body)
            size = [icon.get(side, stored.get(side, 16)) for side in ("width", "height")]
            words = re.sub(r"-+", " ", re.sub(SUFFIX.get(vendor, r"$^"), "", name))
            yield vendor, words, *categories, _rendered(body, *size), _path(body)


def _rendered(body: str, width: float, height: float, side: int = 24) -> np.ndarray:
    import resvg_py

    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{side}" '
        f'viewBox="0 0 {width} {height}" color="#000">{body}</svg>'
    )
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), dtype=np.uint8)[..., 3]


def _path(body: str) -> list[float]:
    """Count an SVG's elements and path commands, and summarise its first 400 numbers."""
    d = " ".join(re.findall(r'\bd="([^"]*)"', body))
    elements = [r"<path", r"<circle|<ellipse", r"<rect", r"<line|<poly", r"<g"]
    flags = ["stroke=", "stroke-linecap", "fill-rule", "opacity"]
    commands = np.log1p([len(re.findall(c, d)) for c in "MmLlHhVvCcSsAaZzQqTt"])
    n = np.array([float(x) for x in re.findall(r"-?\d*\.?\d+", d)][:400] or [0.0])
    return [
        np.log1p(len(body)),
        *(len(re.findall(element, body)) for element in elements),
        *(flag in body for flag in flags),
        *commands,
        *(n.mean(), n.std(), np.log1p(len(n)), (np.round(n) == n).mean()),
    ]


LANGUAGES = ("deu", "ell", "fin", "fra", "lit", "pol", "dan")
MOST = {"noun": 350, "verb": 250, "adjective": 250, "adverb": 150}


@cache
def wordclass() -> RealSet:
    """Return sound, spelling and English gloss of 6548 words of 7 languages, 4 word classes."""
    parts = []
    for language in LANGUAGES:
        words = pd.DataFrame([*_entries(language)], columns=["form", "sound", "gloss", "y"])
        words = words.drop_duplicates("form").assign(env=language)
        for label, most in MOST.items():
            own = words[words["y"] == label]
            parts.append(own.sample(min(most, len(own)), random_state=0))
    table = pd.concat(parts, ignore_index=True)
    spelling = text_numbers(analyzer="char_wb", ngram_range=(1, 3))
    per = {"sound": spelling, "form": spelling, "gloss": text_numbers()}
    return _set({m: table[m] for m in per}, table["y"], table["env"], per)


def _entries(language: str) -> Iterator[tuple[str, str, str, str]]:
    with deb_files(f"dict-freedict-{language}-eng") as files:
        member = next(m for m in files if m.name.endswith(".dict.dz"))
        text = gzip.open(files.extractfile(member)).read(40_000_000)
    lines = text.decode("utf8", "replace").split("\n")
    head = re.compile(r"^(\S[^/<>{}\n]{1,40}?) /([^/]+)/ <([^>]*)>\s*$")
    for line, after in pairwise(lines):
        entry = head.match(line)
        if entry is None:
            continue
        word, sound = entry.group(1).strip(), entry.group(2)
        tags = [tag.strip() for tag in entry.group(3).split(",")]
        label = _word_class(tags, language)
        gloss = re.sub(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)|^\d+\.|\"", " ", after.strip())
        gloss = re.sub(r"[^a-z ]+", " ", gloss.lower()).strip()
        if label and " " not in word and gloss and gloss != word.lower():
            yield word.lower(), sound, gloss, label


def _word_class(tags: list[str], language: str) -> str | None:
    if len(tags) > 4 or {"adj", "adv"} <= {*tags}:
        return None
    gender = language == "deu" and {"masc", "fem", "neut"} & {*tags} and "sg" in tags
    if "n" in tags or gender:
        return "noun"
    if any(tag.startswith("v") for tag in tags):
        return "verb"
    return "adjective" if "adj" in tags else "adverb" if "adv" in tags else None


@cache
def digits() -> RealSet:
    """Return shape measures and pictures of 5870 digits: US, Turkish and Dutch hands, and print."""
    rng, each = np.random.default_rng(0), 1500
    found: list[tuple[str, int, np.ndarray]] = []
    for digit, rows in enumerate(written_digits()):
        chosen = rows[rng.choice(len(rows), each // 10, False)].reshape(-1, 28, 28)
        found += [("nist", digit, image) for image in chosen]
    turkish, dutch = load_digits(), load_multiple_features(["pix"])
    for k in rng.choice(len(turkish.target), each, False):
        found.append(("turkish", turkish.target[k], turkish.images[k]))
    pixels = dutch.data["pix"].reshape(-1, 16, 15)
    for k in rng.choice(len(pixels), each, False):
        found.append(("dutch", dutch.target[k], pixels[k]))
    found += [("print", digit, image) for digit, image in printed_digits()]
    cut = [(env, y, f) for env, y, image in found if (f := framed(image)) is not None]
    X = {
        "shape": np.array([shape_measures(*f) for _, _, f in cut]),
        "picture": np.stack([picture for _, _, (picture, _) in cut]),
    }
    return _set(X, [y for _, y, _ in cut], [env for env, _, _ in cut], {"picture": PICTURE})


@cache
def letters() -> RealSet:
    """Return pictures and outlines of 7124 letters in 5 styles of type; groups are typefaces."""
    style, face, letter, picture, outline = zip(*letters_drawn(), strict=True)
    outlines = np.nan_to_num(np.array(outline, np.float32), posinf=0, neginf=0)
    X = {"picture": np.stack(picture), "outline": outlines}
    return _set(X, letter, style, {"picture": PICTURE}, face)


MOST_RADICALS = 30


@cache
def hanzi() -> RealSet:
    """Return picture, English gloss and readings of 7700 characters, 28 radicals.

    Environments are traditions of script, by national standards: GB 2312, Big5, both.
    """
    table = _characters()
    counts = table.groupby("radical")["env"].value_counts().unstack(fill_value=0)
    enough = counts[["simplified", "traditional"]].min(axis=1) >= 24
    kept = counts[enough].sum(axis=1).sort_values(ascending=False).index[:MOST_RADICALS]
    table = table[table["radical"].isin(kept)]
    with deb_files("fonts-arphic-uming") as files:
        member = next(m for m in files if m.name.endswith("/uming.ttc"))
        font = ImageFont.truetype(files.extractfile(member), 30)
    X = {
        "picture": np.stack([np.asarray(drawn(c, font, 32)) for c in table["character"]]),
        "gloss": table["gloss"],
        "reading": table["reading"],
    }
    per = {"picture": PICTURE, "gloss": text_numbers(), "reading": text_numbers()}
    radicals = [chr(0x2F00 + radical - 1) for radical in table["radical"]]
    return _set(X, radicals, table["env"], per)


def _characters() -> pd.DataFrame:
    """Characters of either standard that have a gloss and a reading in Mandarin."""
    radicals = _unihan("IRGSources", "kRSUnicode")["kRSUnicode"]
    languages = {"kCantonese": "c", "kJapaneseOn": "j", "kKorean": "k"}
    told = _unihan("Readings", "kDefinition", "kMandarin", *languages)
    standards = _unihan("OtherMappings", "kGB0", "kBigFive")
    rows = []
    for c, radical in radicals.items():
        gloss = _gloss(told["kDefinition"].get(c, ""))
        mandarin = told["kMandarin"].get(c, "").split()[:1]
        chinese, taiwanese = c in standards["kGB0"], c in standards["kBigFive"]
        if not gloss or not mandarin or not (chinese or taiwanese):
            continue
        words = [f"{k}{word}" for f, k in languages.items() for word in told[f].get(c, "").split()]
        reading = " ".join(["m" + mandarin[0], *(word.lower() for word in words)])
        env = ("both" if taiwanese else "simplified") if chinese else "traditional"
        rows.append((c, int(re.match(r"\d+", radical).group()), gloss, reading, env))
    return pd.DataFrame(rows, columns=["character", "radical", "gloss", "reading", "env"])


def _gloss(definition: str) -> str:
    """Leave out what refers to another character."""
    refers = (
        r"\b(same as|variant of|non-classical form of|simplified form of|used in|radical"
        r"|kangxi).*?(;|$)"
    )
    text = re.sub(refers, " ", definition.lower())
    text = re.sub(r"u\+[0-9a-f]+|[^\x00-\x7f]+", " ", text)
    return re.sub(r"[^a-z ]+", " ", text).strip()


def _unihan(file: str, *fields: str) -> dict[str, dict[str, str]]:
    with deb_files("unicode-data") as files:
        member = next(m for m in files if m.name.endswith(f"/Unihan_{file}.txt.bz2"))
        text = bz2.decompress(files.extractfile(member).read()).decode()
    found: dict[str, dict[str, str]] = {field: {} for field in fields}
    for line in text.splitlines():
        point, *rest = line.split("\t")
        if len(rest) == 2 and rest[0] in found:
            found[rest[0]][chr(int(point[2:], 16))] = rest[1]
    return found


def penguin() -> RealSet:
    """Return body and blood of 333 penguins of 3 species, and their sex."""
    table = rdata("palmerpenguins/penguins_raw")
    table.columns = [re.sub(r"\W+", " ", column).strip() for column in table.columns]
    table = table[table["Sex"].str.upper().isin(["MALE", "FEMALE"])]
    laid, clutch = pd.to_datetime(table["Date Egg"]).dt.day_of_year, table["Clutch Completion"]
    body = ["Culmen Length mm", "Culmen Depth mm", "Flipper Length mm", "Body Mass g"]
    blood = table[["Delta 15 N o oo", "Delta 13 C o oo"]].assign(laid=laid, full=clutch == "Yes")
    X = {"body": table[body].to_numpy(float), "blood": blood.to_numpy(float)}
    species = table["Species"].str.split().str[0]
    return _set(X, table["Sex"].str.lower(), species, {"body": GAPS, "blood": GAPS})


def wages() -> RealSet:
    """Return job and person of 37,735 US workers in 5 decades, by third of income."""
    table = rdata("stevedata/gss_wages").dropna(subset=["realrinc", "occrecode", "age"])
    bounds = table["realrinc"].quantile([1 / 3, 2 / 3])
    third = np.searchsorted(bounds, table["realrinc"], side="right")
    job, person = ["occrecode", "wrkstat"], ["gender", "educcat", "maritalcat"]
    X = {"job": table[[*job, "prestg10"]], "person": table[[*person, "age", "childs"]]}
    per = {
        "job": make_column_transformer((KINDS, job), (GAPS, ["prestg10"])),
        "person": make_column_transformer((KINDS, person), (GAPS, ["age", "childs"])),
    }
    y = np.array(["low", "mid", "high"])[third]
    return _set(X, y, table["year"] // 10 * 10, per)


def breast() -> RealSet:
    """Return tumour, receptors and patient of 3505 operations; y: a relapse within three years.

    Environments are two cohorts, one of them in three periods.
    """
    horizon = 3 * 365.25
    table = pd.concat([_rotterdam(), _german()], ignore_index=True)
    table = table[(table["time"] >= horizon) | table["event"]]
    numbers = np.log1p(table[["nodes", "pgr", "er"]]).join(table[["size", "grade"]])
    X = {
        "tumour": numbers[["size", "grade", "nodes"]].to_numpy(float),
        "receptors": numbers[["pgr", "er"]].to_numpy(float),
        "patient": table[["age", "meno", "hormon"]].to_numpy(float),
    }
    y = (table["time"] < horizon) & table["event"]
    return _set(X, y.astype(int), table["env"], {})


def _rotterdam() -> pd.DataFrame:
    table = rdata("survival/rotterdam")
    relapse, death = table["recur"] == 1, table["death"] == 1
    last = np.minimum(table["rtime"], table["dtime"])
    time = np.select([relapse, death], [table["rtime"], table["dtime"]], last)
    periods = ["Rotterdam 78-84", "Rotterdam 85-88", "Rotterdam 89-93"]
    env = np.array(periods)[np.searchsorted([1984, 1988], table["year"])]
    size = table["size"].astype(str).map({"<=20": 1, "20-50": 2, ">50": 3})
    return table.assign(size=size, time=time, event=relapse | death, env=env)


def _german() -> pd.DataFrame:
    table = rdata("survival/gbsg")
    size = 1 + np.searchsorted([20, 50], table["size"])
    event = table["status"] == 1
    return table.assign(size=size, time=table["rfstime"], event=event, env="GBSG")


PHASES = ("Approach", "Take-off run", "Climb", "Landing Roll", "Descent", "En Route")


@cache
def birds_phase() -> RealSet:
    """Return flight, report and surroundings of bird strikes in 6 phases of flight.

    Free text that 14 % lack, categories, gaps and dates, as they were recorded. Environments are
    kinds of operator.
    """
    table = rdata("openintro/birds")
    table = table[table["phase_of_flt"].isin(PHASES)].reset_index(drop=True)
    table["date"] = pd.to_datetime(table["date"], format="%m/%d/%Y %H:%M:%S")
    numbers = ["ac_mass", "num_engs", "height", "speed"]
    flight, outside = ["atype", "operator"], ["state", "sky", "time_of_day"]
    outside = [*outside, "birds_seen", "birds_struck"]
    X = {
        "flight": table[[*numbers, *flight]],
        "report": table["remarks"],
        "outside": table[["date", *outside]],
    }
    imputed = make_pipeline(SimpleImputer(add_indicator=True), FunctionTransformer(np.log1p))
    per = {
        "flight": make_column_transformer((imputed, numbers), (KINDS, flight)),
        "report": text_numbers(100),
        "outside": make_column_transformer(
            (FunctionTransformer(_season), ["date"]), (KINDS, outside)
        ),
    }
    return _set(X, table["phase_of_flt"], table["operator"].map(_kind_of_operator), per)


def _season(dates: pd.DataFrame) -> np.ndarray:
    date = dates.squeeze(axis=1).dt
    angle = 2 * np.pi * date.day_of_year / 365.25
    return np.column_stack([np.sin(angle), np.cos(angle), date.year])


def _kind_of_operator(name: str) -> str:
    if name in ("BUSINESS", "UNKNOWN"):
        return name.lower()
    return "private" if "PRIV" in name or "MILIT" in name else "airline"
