"""This page shows where a network is wrong and how sure it is: its predictions for every picture of a set."""

from cnnlab.dashboard.inspect import page

page.show(
    "predictions",
    "Where is it wrong, and how sure is it?",
    "A network mixes up some classes more than others; its mistakes show what it has not learnt.",
)
