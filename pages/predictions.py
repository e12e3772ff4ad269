"""This page shows where a network is wrong and how sure it is: its predictions for every picture of a set."""

from cnnlab.dashboard.inspect import page

page.show(
    "predictions",
    "Where is it wrong, and how sure is it?",
    "Every network mixes up some classes; its mistakes show what it has not learnt.",
)
