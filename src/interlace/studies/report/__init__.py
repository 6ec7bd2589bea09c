"""The report of a study: one self-contained page, tables and figures."""

from interlace.studies.report.build import build_report

__all__ = ["build_report"]
