"""The report of a run: one self-contained page, one JSON file, one table for the terminal."""

from fireside.recipes.report.page import read_results, render_page, write_report
from fireside.recipes.report.terminal import summary_table

__all__ = ["read_results", "render_page", "summary_table", "write_report"]
