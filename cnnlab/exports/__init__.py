"""This room writes what a run holds as files to carry away, one format a file.

To add one, write a file that registers an `Export` in `EXPORTS`; it then has its button on the run's page and in Compare,
its place on the command line (`export RUN --format NAME --to FILE`), and its contract test. Imports no torch when it is
loaded, and no Streamlit.
"""

from cnnlab.exports._export import EXPORTS, Export, ExportError, Source, content

__all__ = ["EXPORTS", "Export", "ExportError", "Source", "content"]
