"""A result as a notebook cell shows it: small enough to be kept in the notebook."""

from __future__ import annotations

import base64
import io
from html import escape

from zeroshot_hoi.results.export.sheet import contact_sheet
from zeroshot_hoi.results.report.payload import metric_rows
from zeroshot_hoi.results.result import Result

MOMENTS = 4


def summary_html(result: Result) -> str:
    """Title, verdict, a contact sheet of four moments, and the metrics behind a fold."""
    data = io.BytesIO()
    contact_sheet(result, frames=MOMENTS).save(data, format="JPEG", quality=88)
    picture = base64.b64encode(data.getvalue()).decode("ascii")
    rows = metric_rows(result.meta["metrics"])
    people, things = ", ".join(result.people), ", ".join(result.objects)
    return (
        f"<div><b>{escape(str(result.meta['recipe'] or 'result'))}</b>: {escape(str(result.meta['text']))}<br>"
        f"{result.frames} frames at {result.fps:g} a second; {escape(people)}; {escape(things)}<br>{_verdict(rows)}"
        f'<br><img src="data:image/jpeg;base64,{picture}" style="max-width:100%">{_table(rows)}</div>'
    )


def _verdict(rows: list[dict]) -> str:
    judged = [row for row in rows if row["passed"] is not None]
    missed = [row["key"] for row in judged if not row["passed"]]
    if not rows:
        return "Not measured yet: call <code>metrics()</code>."
    color, names = ("#c2412d", "; missed: " + escape(", ".join(missed))) if missed else ("#16876b", "")
    return f'<span style="color:{color}">{len(judged) - len(missed)} of {len(judged)} bars hold{names}</span>'


def _table(rows: list[dict]) -> str:
    if not rows:
        return ""
    lines = []
    for row in rows:
        bar = "" if row["threshold"] is None else f"{'≤' if row['direction'] == 'lower' else '≥'} {row['threshold']:g}"
        value = "not a number" if row["value"] is None else f"{row['value']:.4g}"
        words = {True: "holds", False: "missed", None: ""}[row["passed"]]
        cells = (row["key"], value, row["unit"], bar, words)
        lines.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return f"<details><summary>{len(rows)} metrics</summary><table>{''.join(lines)}</table></details>"
