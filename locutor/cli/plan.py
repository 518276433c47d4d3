"""`--plan`: what a job would find in the store, what it would make, and how long that takes; nothing is made."""

from __future__ import annotations

from locutor.gateway.v1.job_pb2 import PlanJobResponse


def show_plan(plan: PlanJobResponse, *, as_json: bool) -> None:
    """As a table, or as JSON for programs."""
    if as_json:
        from google.protobuf.json_format import MessageToJson

        print(MessageToJson(plan, preserving_proto_field_name=True, always_print_fields_with_no_presence=True))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("Stage", "Locale", show_footer=True)
    table.columns[0].footer = "Total"
    for name in ("Found", "To make", "Programme", "Time"):
        table.add_column(name, justify="right")
    for stage in plan.stages:
        computed = f"{'about ' if stage.estimated else ''}{stage.computed_steps}"
        media_s, lasts_s = (duration.ToNanoseconds() / 1e9 for duration in (stage.media_duration, stage.estimated_duration))
        table.add_row(stage.name, stage.locale or "all", str(stage.cached_steps), computed, _time(media_s), _time(lasts_s))
    whole_s, full_s = (duration.ToNanoseconds() / 1e9 for duration in (plan.estimated_duration, plan.full_duration))
    table.columns[2].footer = str(sum(stage.cached_steps for stage in plan.stages))
    table.columns[3].footer = str(sum(stage.computed_steps for stage in plan.stages))
    table.columns[5].footer = _time(whole_s)
    console = Console()
    console.print(table)
    if any(stage.cached_steps for stage in plan.stages) and full_s:
        console.print(f"{100 * whole_s / full_s:.1f} % of {_time(full_s)}, which all of it would take.")


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds else "-"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"
