# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of ./bench: on the terminal and in build/bench.json."""
import json
import os


def row(name, value, unit, reference=None):
    """reference: the same figure of the reference program, or None where there is none."""
    ratio = round(value / reference, 3) if reference else None
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": ratio}


def _text(value):
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


def show(rows):
    if not rows:
        return
    head = ("name", "value", "unit", "reference", "ratio")
    cells = [head] + [tuple(_text(r[k]) for k in head) for r in rows]
    width = [max(len(c[i]) for c in cells) for i in range(len(head))]
    print()
    for c in cells:
        print(f"{c[0]:<{width[0]}}  {c[1]:>{width[1]}}  {c[2]:<{width[2]}}  "
              f"{c[3]:>{width[3]}}  {c[4]:>{width[4]}}")


def merge(path, rows, order):
    """Puts rows into the file: a row of the same name is replaced, the others stay."""
    try:
        with open(path) as f:
            old = [r for r in json.load(f) if isinstance(r, dict) and "name" in r]
    except (OSError, ValueError):
        old = []
    new = {r["name"]: r for r in old} | {r["name"]: r for r in rows}

    def place(name):
        """By the longest name of the order that it is, or begins with."""
        heads = [n for n in order if name == n or name.startswith(n + ".")]
        return order.index(max(heads, key=len)) if heads else len(order)
    out = sorted(new.values(), key=lambda r: (place(r["name"]), r["name"]))
    temporary = path + ".new"
    with open(temporary, "w") as f:
        f.write("[\n" + ",\n".join("  " + json.dumps(r) for r in out) + "\n]\n")
    os.replace(temporary, path)
    return path
