"""The plot of bench-ner: rates as bars with their spread, and the stages of a token's time."""
from html import escape

WIDTH, LEFT, RIGHT, BAR = 760, 250, 110, 26
GREY, BLUE, INK = "#9aa5b1", "#1f6feb", "#24292f"
STAGE_COLOURS = ["#0a7ea4", "#5bb5d1", "#e8a33d", "#1f6feb", "#7d5fb2", "#c2576b", "#9aa5b1"]


def text(x, y, words, anchor="start", size=13, colour=INK):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'fill="{colour}">{escape(words)}</text>')


def box(x, y, width, height, colour):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height}" '
            f'fill="{colour}"/>')


def rate_bars(result, top):
    rows = [(p["name"], p["tokens_per_s"], p["least"], p["most"],
             BLUE if key in result["levels"] else GREY) for key, p in result["players"].items()]
    bound = result["levels"][result["chosen"]]["bound_tokens_per_s"]
    rows.append(("bound: the core's multiply-adds", bound, bound, bound, "#d0d7de"))
    scale = (WIDTH - LEFT - RIGHT) / max(row[3] for row in rows)
    parts = []
    for i, (name, rate, least, most, colour) in enumerate(rows):
        y = top + i * (BAR + 12)
        middle = y + BAR / 2
        parts += [text(LEFT - 10, middle + 4, name, "end"),
                  box(LEFT, y, rate * scale, BAR, colour),
                  f'<line x1="{LEFT + least * scale:.1f}" x2="{LEFT + most * scale:.1f}" '
                  f'y1="{middle}" y2="{middle}" stroke="{INK}" stroke-width="1.5"/>',
                  text(LEFT + most * scale + 8, middle + 4, f"{rate:,.0f}")]
    return parts, top + len(rows) * (BAR + 12)


def stage_bar(result, top):
    stages = result["stages_us"]
    whole = sum(stages.values())
    x, scale = LEFT, (WIDTH - LEFT - RIGHT) / whole
    parts = [text(LEFT - 10, top + BAR / 2 + 4, "a token's time in newsmill", "end"),
             text(LEFT + whole * scale + 8, top + BAR / 2 + 4, f"{whole:.2f} µs")]
    for i, (name, us) in enumerate(stages.items()):
        colour = STAGE_COLOURS[i % len(STAGE_COLOURS)]
        parts.append(box(x, top, us * scale, BAR, colour))
        x += us * scale
        column, row = i % 4, i // 4
        parts += [box(LEFT + column * 122, top + BAR + 14 + row * 20, 10, 10, colour),
                  text(LEFT + column * 122 + 15, top + BAR + 23 + row * 20, f"{name} {us:.2f}",
                       size=11)]
    return parts, top + BAR + 64


def svg(result):
    players, best = result["players"], result["levels"][result["chosen"]]
    title = (f"Tokens a second on one core: newsmill {best['wall_ratio_ner']:.1f}× spaCy's ner alone, "
             f"{best['wall_ratio_full']:.1f}× its full pipeline")
    about = (f"{result['texts']} articles, {players['ner']['tokens']:,} tokens; medians of "
             f"{result['rounds']} rounds, black: least to most; {result['processor']}")
    parts = [text(16, 26, title, size=15), text(16, 46, about, size=11, colour="#57606a")]
    bars, end = rate_bars(result, 66)
    stages, end = stage_bar(result, end + 14)
    body = "\n".join(parts + bars + stages)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{end}" '
            f'viewBox="0 0 {WIDTH} {end}" font-family="sans-serif">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n')
