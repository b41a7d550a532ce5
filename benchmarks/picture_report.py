"""The picture benchmark's rows as tables in Markdown, and some of its pictures as a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.picture_rows import BETTER
from itermix.pictures.saving import save_picture
from itermix.pictures.sheet import composed

HEADS = {"ssim": "SSIM"}
SHARES = ("objects", "recognised")
DIGITS = {"calls": 1}
COMPARED = ("ssim", "edges", "distance", "objects", "recognised")  # in the table of differences
SENTENCE = "One seed of each prompt; the native picture stands left at its own size, beside it what is right."
SHOWN = ("direct", "hires 0.3", "hires 0.5, pixel", "hires 0.7", "DemoFusion", "itermix", "itermix, pixel")
PICTURES = 6  # rows of the sheet
LEGEND = """\
ssim, edges: likeness to the right picture, and error of its edges. structure: correlation with the native picture's
low frequencies. distance: sliced Wasserstein distance of patches from the right pictures, mean over the Laplacian
levels; 0 is the same. sharpness: power of the finest level over theirs; below 1 is blur. objects: share with as many
separate objects as the right picture. recognised: share that the classifier names rightly. calls: of the network, in
steps at the full size.
Bold: better than every other row, the VAE's best left out, in 95 % of the draws of prompts. Differences to itermix's
row with their 95 % interval; * where it leaves out zero."""


def text(found: dict[str, Any]) -> str:
    """All that was found, for people."""
    head = (
        f"{found['prompts']} {found['half']} prompts, {found['pictures']} pictures; {found['recognised']:.0%} of the "
        f"native ones are recognised, the others left out. The classifier is right on "
        f"{found['classifier']['subjects']:.1%} of real pictures."
    )
    if not found["rows"]:
        return f"{head}\nNothing can be measured."
    head += f" SSIM of the native pictures and the artwork laid onto them: {found['registered']:.3f}."
    scales = sorted({row["scale"] for row in found["rows"]})
    parts = [head]
    for scale in scales:
        rows = [row for row in found["rows"] if row["scale"] == scale]
        parts += [table(rows, scale), differences(rows, scale)]
    return "\n\n".join([*parts, "\n".join(map(check_line, found["check"])), LEGEND])


def table(rows: list[dict[str, Any]], scale: int) -> str:
    lines = [[f"{scale}x", *(HEADS.get(name, name) for name in BETTER)]]
    for row in rows:
        name = f"**{row['method']}**" if row["best"] else row["method"]
        lines.append([name, *(cell(row["measures"][measure], measure) for measure in BETTER)])
    return markdown(lines)


def cell(one: dict[str, Any], measure: str) -> str:
    shown = f"{one['value']:.0%}" if measure in SHARES else f"{one['value']:.{DIGITS.get(measure, 3)}f}"
    return f"**{shown}**" if one["best"] else shown


def differences(rows: list[dict[str, Any]], scale: int) -> str:
    """To itermix's row; "" where there is none."""
    lines = [[f"{scale}x, less itermix", *(HEADS.get(name, name) for name in COMPARED)]]
    for row in rows:
        cells = [row["measures"][name] for name in COMPARED]
        if all("difference" in one for one in cells):
            shown = (difference(one["difference"], name) for one, name in zip(cells, COMPARED))
            lines.append([row["method"], *shown])
    return markdown(lines) if len(lines) > 1 else ""


def difference(one: dict[str, float], measure: str) -> str:
    factor, digits = (100.0, 0) if measure in SHARES else (1.0, 3)
    value, low, high = (f"{factor * one[key]:+.{digits}f}" for key in ("value", "low", "high"))
    mark = "" if one["low"] <= 0.0 <= one["high"] else "*"
    return f"{value}{mark} ({low} to {high}){' %' if measure in SHARES else ''}"


def check_line(one: dict[str, Any]) -> str:
    ceiling, near = (
        "{value:.3f} ({low:.3f} to {high:.3f})".format(**interval) for interval in (one["ceiling"], one["interval"])
    )
    is_so = "is the best row, touched by none" if one["holds"] else "IS NOT CLEARLY THE BEST ROW"
    return (
        f"{one['scale']}x, {HEADS.get(one['measure'], one['measure'])}: the VAE's best {is_so}: {ceiling}; "
        f"nearest is {one['nearest']}: {near}."
    )


def markdown(lines: list[list[str]]) -> str:
    head, *rest = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([head, f"|{'---|' * len(lines[0])}", *rest])


def sheet(results: list[dict[str, Any]], scale: int, path: Path) -> None:
    """Prompts down, methods across; the native picture stands left at its own size, then the right one."""
    results = results[:PICTURES]
    if not results:
        return
    columns = [("native", 1), ("exact", scale), *((name, scale) for name in SHOWN)]
    columns = [column for column in columns if column in results[0]["shown"]]
    rows = [[result["shown"][column] for column in columns] for result in results]
    title = f"The picture benchmark at {scale}x"
    save_picture(path, composed(title, SENTENCE, [name for name, _ in columns], [r["prompt"] for r in results], rows))
