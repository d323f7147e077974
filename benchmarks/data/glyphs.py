"""Letters, digits and characters as typefaces draw them."""

from __future__ import annotations

import io
import logging
import re
import string
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from data.fetch import deb_files

logging.getLogger("fontTools").setLevel("ERROR")  # free fonts have faults that do no harm here
STYLES = {
    "sans": "dejavu-core lato open-sans cabin dosis",
    "serif": "ebgaramond oldstandard junicode vollkorn crosextra-caladea",
    "mono": "inconsolata anonymous-pro courier-prime fantasque-sans firacode",
    "hand": "sjfonts kristi dancingscript breip femkeklaver rufscript tomsontalks lobster isabella",
    "display": "aenigma",
}
"""Packages of typefaces, by style."""
FACES = {"sans": 6, "serif": 6, "mono": 6, "hand": 8, "display": 48}
"""At most so many typefaces of a package."""


def typefaces(package: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each font file of a package, in an order that mixes families."""
    with deb_files(f"fonts-{package}") as files:
        members = [m for m in files if m.isfile() and re.search(r"\.(ttf|otf)$", m.name, re.I)]
        content = {m.name: files.extractfile(m).read() for m in members}
    for name in sorted(content, key=lambda name: zlib.crc32(name.encode())):
        if package != "dejavu-core" or "Mono" not in name:
            yield name.rsplit("/", 1)[-1], content[name]


def drawn(text: str, font: ImageFont.FreeTypeFont, side: int = 128) -> Image.Image:
    """Draw text white on black, in the middle of a square."""
    image = Image.new("L", (side, side), 0)
    ImageDraw.Draw(image).text((side / 2, side / 2), text, 255, font=font, anchor="mm")
    return image


def letters_drawn(side: int = 24) -> Iterator[tuple[str, str, str, np.ndarray, list[float]]]:
    """Yield style, typeface, letter, picture and `outline` of what each typeface draws.

    A typeface that lacks a letter of the English alphabet, in either case, is left out whole.
    """
    for style, packages in STYLES.items():
        for package in packages.split():
            n_faces = 0
            for file, content in typefaces(package):
                rows = _alphabet(content, side) if n_faces < FACES[style] else None
                if rows is None:
                    continue
                n_faces += 1
                face = file if style == "display" else file.split("-")[0]
                for row in rows:
                    yield style, f"{package}/{face}", *row


def _alphabet(content: bytes, side: int) -> list[tuple[str, np.ndarray, list[float]]] | None:
    from fontTools.ttLib import TTFont, TTLibError

    try:
        font, face = ImageFont.truetype(io.BytesIO(content), 64), TTFont(io.BytesIO(content))
        rows = []
        for letter in string.ascii_letters:
            image, measures = drawn(letter, font), outline(face, letter)
            box = image.getbbox()
            if box is None or measures is None:
                return None
            rows.append((letter.lower(), _cropped(image, box, side), measures))
    except (KeyError, OSError, TTLibError):
        return None
    return rows


def _cropped(image: Image.Image, box: tuple[int, int, int, int], side: int) -> np.ndarray:
    half = max(box[2] - box[0], box[3] - box[1]) / 2 + 2
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    square = image.crop((int(x - half), int(y - half), int(x + half), int(y + half)))
    return np.asarray(square.resize((side, side), Image.Resampling.BILINEAR))


def outline(face: object, letter: str) -> list[float] | None:
    """Return 24 measures of a glyph's outline: extent, strokes, moments, directions.

    Lengths are in units of the em; None where nothing is drawn.
    """
    from fontTools.pens.boundsPen import BoundsPen
    from fontTools.pens.recordingPen import DecomposingRecordingPen
    from fontTools.pens.statisticsPen import StatisticsPen

    glyphs, em = face.getGlyphSet(), face["head"].unitsPerEm
    glyph = glyphs[face.getBestCmap()[ord(letter)]]
    record, bounds, shape = (
        pen(glyphs) for pen in (DecomposingRecordingPen, BoundsPen, StatisticsPen)
    )
    for pen in (record, bounds, shape):
        glyph.draw(pen)
    if bounds.bounds is None:
        return None
    left, bottom, right, top = (value / em for value in bounds.bounds)
    strokes = [stroke for stroke, _ in record.value]
    n = {s: strokes.count(s) for s in ("moveTo", "lineTo", "curveTo", "qCurveTo")}
    curves = n["curveTo"] + n["qCurveTo"]
    points = np.array([p for _, ps in record.value for p in ps if p is not None], float) / em
    extent = [glyph.width / em, left, bottom, right - left, top - bottom]
    counts = [n["moveTo"], *np.log1p([n["lineTo"], curves, len(points)])]
    area, x, y = abs(shape.area) / em**2, shape.meanX / em - left, shape.meanY / em - bottom
    moments = [area, x, y, shape.stddevX / em, shape.stddevY / em, shape.correlation, shape.slant]
    return [*extent, *counts, *moments, *_directions(points)]


def _directions(points: np.ndarray) -> np.ndarray:
    """Share of the length that goes in each of eight directions."""
    steps = np.diff(points, axis=0)
    angles, lengths = np.arctan2(steps[:, 1], steps[:, 0]), np.hypot(*steps.T)
    by_angle = np.histogram(angles, bins=8, range=(-np.pi, np.pi), weights=lengths)[0]
    return by_angle / (by_angle.sum() + 1e-9)


def printed_digits() -> Iterator[tuple[int, np.ndarray]]:
    """Yield digits and their pictures; a typeface that draws two of them alike is left out."""
    for style, packages in STYLES.items():
        for package in packages.split():
            for (_, content), _ in zip(typefaces(package), range(FACES[style]), strict=False):
                try:
                    font = ImageFont.truetype(io.BytesIO(content), 64)
                    images = [np.asarray(drawn(str(digit), font)) for digit in range(10)]
                except OSError:
                    continue
                if len({image.tobytes() for image in images}) == 10:
                    yield from enumerate(images)


def framed(image: np.ndarray, side: int = 16) -> tuple[np.ndarray, float] | None:
    """Cut a digit out and centre it in a square; return it, and its width to height."""
    image = image / max(image.max(), 1e-9)
    rows, columns = (np.flatnonzero(image.max(axis) > 0.15) for axis in (1, 0))
    if not len(rows):
        return None
    image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = image.shape
    longest = max(height, width)
    square = np.zeros((longest, longest))
    top, left = (longest - height) // 2, (longest - width) // 2
    square[top : top + height, left : left + width] = image
    small = Image.fromarray((square * 255).astype(np.uint8))
    return np.asarray(small.resize((side, side), Image.Resampling.BILINEAR)), width / height


def shape_measures(picture: np.ndarray, aspect: float) -> list[float]:
    """Return 41 measures of a digit's picture (16, 16) and its width to height.

    Holes and parts, thickness of the stroke, moments, ink by cell, and crossings by line.
    """
    ink, n = picture > 96, len(picture)
    y, x = np.mgrid[:n, :n] / n
    mass = picture / max(picture.sum(), 1)
    cx, cy = (mass * x).sum(), (mass * y).sum()
    powers = ((2, 0), (0, 2), (1, 1), (3, 0), (0, 3), (1, 2), (2, 1))
    moments = [(mass * (x - cx) ** p * (y - cy) ** q).sum() for p, q in powers]
    holes = ndimage.label(np.pad(~ink, 1, constant_values=True))[1] - 1
    parts = ndimage.label(ink, np.ones((3, 3)))[1]
    depth = ndimage.distance_transform_edt(ink)
    cells = picture.reshape(4, n // 4, 4, n // 4).mean(axis=(1, 3)).ravel() / 255
    crossings = [np.abs(np.diff(ink.astype(int), axis=a)).sum(a)[1::3] for a in (1, 0)]
    thick = [ink.mean(), depth.max(), depth[ink].mean() if ink.any() else 0]
    return [aspect, holes, parts, *thick, cx, cy, *moments, *cells, *np.concatenate(crossings)]
