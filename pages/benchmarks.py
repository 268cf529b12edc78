"""Which run scores what on which benchmark, who is really better, and does the loss predict it?"""

from __future__ import annotations

import streamlit as st

from analysis.benchmarks.tables import cell_table
from analysis.figures.benchmark_heatmap import MOST_ROWS, chart_height, plot_benchmark_heatmap, row_range
from analysis.figures.loss_vs_benchmark import plot_loss_against_benchmark as plot_loss
from pages import _benchmark_text as text
from pages._benchmark_choice import show_choice
from pages._benchmark_report import ask_report, has_scores_elsewhere, load_offer
from pages._benchmark_tables import show_aggregates, show_correlations, show_score_table
from pages._charts import show_chart, show_warnings, theme
from pages._pictures import picture
from pages._view import current_view

view = current_view()
offer = load_offer(view)
if not offer.benchmarks:
    text.show_no_scores(elsewhere=has_scores_elsewhere(view))
    st.stop()
asked = ask_report(view, offer)
report, order = asked.report, asked.order
text.show_counts(report)
text.show_verdict(report)
show_chart(
    picture(plot_benchmark_heatmap, report, told_by=asked.key, order=order, theme=theme()),
    key="benchmark-heatmap",
    alt=f"Scores of {len(report.matrix.rows)} rows on {len(report.matrix.columns)} benchmarks",
    height=chart_height(report),
    y_range=row_range(len(order)),
    table=cell_table(report, order[:MOST_ROWS]),
)
text.show_missing(report)
warnings = st.container()
with st.expander("Aggregates side by side", icon=":material/functions:", expanded=len(report.matrix.rows) > 1):
    show_aggregates(report, order)
with st.expander("Every score", icon=":material/table_rows:"):
    show_score_table(report, order)
with warnings, st.spinner("Setting the loss beside every benchmark …"):
    report = asked.with_loss()
    show_warnings([flag.text for flag in report.flags])
if report.choice is not None and len(report.matrix.rows) > 1:
    show_choice(report.choice)
if report.correlation is not None and len(report.matrix.rows) > 1:
    st.subheader("Does the loss predict the score?")
    names = [column.key for column in report.matrix.columns]
    telling = next((at for at, column in enumerate(report.matrix.columns) if not column.at_chance), 0)
    chosen = st.selectbox("Benchmark", names, telling, key="bench_scatter", bind="query-params")
    found = report.correlation.columns[names.index(chosen)]
    st.markdown(text.correlation_text(report, report.correlation, found))
    show_chart(
        picture(plot_loss, report.matrix, report.correlation, chosen, told_by=(asked.key, chosen), theme=theme()),
        key="loss-benchmark-chart",
        alt=f"{chosen} against {view.metric}, one point per row",
    )
    with st.expander("Every benchmark", icon=":material/table_rows:"):
        show_correlations(report.correlation)
